import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { createLogger } from '../logging.ts';
import { createContextMaker, requestIdOf } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';

function contextOf(headers: Record<string, string>, more: Partial<EdgeSettings> = {}, remoteAddress = '192.168.1.77') {
  const make = createContextMaker({
    settings: {
      clusterId: 'c',
      publicUrl: null,
      corsOrigins: ['http://listed.example.com'],
      trustedProxies: ['10.0.0.1/32'],
      ...more,
    } as EdgeSettings,
    log: createLogger({ level: 'silent' }),
    port: () => 5000,
    resolveSession: async () => null,
  });
  return make({ method: 'GET', url: '/', headers, socket: { remoteAddress } } as unknown as IncomingMessage);
}
const page = (host: string, scheme = 'http') => ({ host, origin: `${scheme}://${host}` });

describe('a page of our own origin', () => {
  it('is doubtful where its name could have been made to lead here by a stranger', () => {
    const rebound = contextOf(page('evil.example:5000'));
    expect([rebound.originRelation, rebound.isPageDoubtful]).toEqual(['own', true]);
    const known = [page('192.168.1.5:5000'), page('nas:5000'), page('nas.local'), page('listed.example.com')];
    for (const headers of known)
      expect([headers.host, contextOf(headers).isPageDoubtful]).toEqual([headers.host, false]);
  });

  it('is not where the operator named it, a proxy of his passed it on, or it came by HTTPS', () => {
    const named = { publicUrl: 'http://nas.example.org:5000' };
    expect(contextOf(page('nas.example.org:5000'), named).isPageDoubtful).toBe(false);
    expect(contextOf(page('evil.example:5000'), named).isPageDoubtful).toBe(true);
    expect(contextOf(page('share.example.net'), {}, '10.0.0.1').isPageDoubtful).toBe(false);
    const secure = { ...page('share.example.net', 'https'), 'x-forwarded-proto': 'https' };
    expect(contextOf(secure, {}, '10.0.0.1').isPageDoubtful).toBe(false);
    // What a stranger writes himself counts for nothing.
    expect(contextOf({ ...page('evil.example', 'https'), 'x-forwarded-proto': 'https' }).isPageDoubtful).toBe(true);
  });

  it('has nothing to do with programs, which send no Origin, and with pages of listed origins', () => {
    expect(contextOf({ host: 'evil.example:5000' }).isPageDoubtful).toBe(false);
    const listed = contextOf({ host: 'nas.example.org', origin: 'http://listed.example.com' });
    expect([listed.originRelation, listed.isPageDoubtful]).toEqual(['allowed', false]);
  });
});

describe('a request id from outside', () => {
  it('is kept when it is one, and never puts anything else into a log', async () => {
    const sane = fc
      .array(fc.constantFrom(...'aZ09_.-'), { minLength: 8, maxLength: 64 })
      .map((signs) => signs.join(''));
    const said = fc.oneof(
      anyText(70),
      sane,
      sane.map((id) => `${id}\n`),
      fc.array(sane, { maxLength: 2 }),
    );
    await fuzz(
      'X-Request-Id',
      fc.property(said, sane, (header, id) => {
        const kept = requestIdOf(header);
        assert(kept.length >= 8 && kept.length <= 64 && !/[^A-Za-z0-9_.-]/.test(kept));
        assert.equal(requestIdOf(id), id);
      }),
    );
  });
});
