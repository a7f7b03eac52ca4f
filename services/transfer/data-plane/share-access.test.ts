import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { assertAllowed, setShareCookie } from './share-access.ts';

const contextOf = (isSecure: boolean) => ({ isSecure }) as RequestContext;

/** An answer whose headers are seen. */
function answer() {
  const headers: string[] = [];
  const res = {
    appendHeader: (name: string, value: string) => void headers.push(`${name}: ${value}`),
    setHeader: (name: string, value: string) => void headers.push(`${name}: ${value}`),
  } as unknown as ServerResponse;
  return { res, headers };
}

describe('a cookie of a share', () => {
  it.each([true, false])('goes to that share only, and to no script; over TLS (%s) to nobody else', (isSecure) => {
    const { res, headers } = answer();
    setShareCookie(res, contextOf(isSecure), 'Share123', 'pl_grant', 'abc', 5_900);
    expect(headers).toEqual([
      `set-cookie: pl_grant=abc; Max-Age=5; Path=/d/Share123; HttpOnly${isSecure ? '; Secure' : ''}; SameSite=Lax`,
    ]);
  });
});

describe('a password that comes with the request', () => {
  const transfer = {
    row: { kind: 'share', shareId: 'Share123' },
    assertReadable: () => {},
  } as unknown as RunningTransfer;
  const req = {
    headers: { authorization: `Basic ${Buffer.from(':guess').toString('base64')}` },
  } as unknown as IncomingMessage;

  it('costs a point of the rate limit before it is looked at', async () => {
    const asked: string[] = [];
    let isLimited = false;
    const deps = {
      engine: { nowMs: 0 },
      control: {
        mayRead: () => false,
        assertPassword: async (_transfer: unknown, password: string) => void asked.push(password),
        grantFor: () => ({ grant: 'abc' }),
      },
      edge: {
        consumeRate: async (kind: string) => {
          asked.push(kind);
          if (isLimited) throw new PeerLinkError('rate_limited', 'too many');
        },
      },
    } as unknown as DataPlaneDeps;
    const { res } = answer();
    const pass = () => assertAllowed(deps, req, res, contextOf(true), transfer, new URLSearchParams());
    expect(await pass()).toBeNull();
    expect(asked).toEqual(['passwords', 'guess']);
    isLimited = true;
    await expect(pass()).rejects.toMatchObject({ type: 'rate_limited' });
    expect(asked).toEqual(['passwords', 'guess', 'passwords']);
  });
});
