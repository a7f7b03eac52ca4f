import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { createLogger } from '../logging.ts';
import { bearerOf, callerOf, createContextMaker, requestIdOf } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';

function contextOf(headers: Record<string, string>, more: Partial<EdgeSettings> = {}, remoteAddress = '192.168.1.77') {
  return contextMaker(more)({
    method: 'GET',
    url: '/',
    headers,
    socket: { remoteAddress },
  } as unknown as IncomingMessage);
}
function contextMaker(more: Partial<EdgeSettings> = {}) {
  return createContextMaker({
    settings: {
      clusterId: 'c',
      publicUrl: null,
      corsOrigins: ['http://listed.example.com'],
      trustedProxies: ['10.0.0.1/32'],
      ...more,
    } as EdgeSettings,
    log: createLogger({ level: 'silent' }),
    port: () => 5000,
    nodeOrigins: () => ['http://n2.example.com'],
    resolveSession: async () => {
      throw new PeerLinkError('unavailable', 'The database does not answer.');
    },
  });
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

describe('a request', () => {
  it('of the page of another node is allowed, as of a listed origin', () => {
    const relations = ['n2.example.com', 'n3.example.com'].map(
      (name) => contextOf({ host: 'n1.example.com', origin: `http://${name}` }).originRelation,
    );
    expect(relations).toEqual(['allowed', 'foreign']);
  });

  it('to the host of PUBLIC_URL is secure when that is, and then only the __Host- cookie counts', () => {
    const cookie = 'pl_c=planted';
    const named = { publicUrl: 'https://share.example.com' };
    const asked = [
      contextOf({ host: 'Share.example.com', cookie }, named),
      contextOf({ host: 'share.example.com:5000', cookie }, named),
      contextOf({ host: 'share.example.com', cookie }, { publicUrl: 'http://share.example.com' }),
    ];
    expect(asked.map(({ isSecure, sessionToken }) => [isSecure, sessionToken])).toEqual([
      [true, null],
      [false, 'planted'],
      [false, 'planted'],
    ]);
  });

  it('with an upload token is served while nobody can tell whose cookie it has, and without one is not', async () => {
    const context = contextOf({ host: 'nas', cookie: 'pl_c=token' });
    expect(await callerOf(context, 'upload')).toMatchObject({ sessionId: null, uploadToken: 'upload' });
    await expect(callerOf(context, null)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('with the cookie changes nothing by a form of another site, also one in pieces; with a bearer the cookie is left aside', async () => {
    const post = (headers: Record<string, string>) =>
      contextMaker()({
        method: 'POST',
        url: '/',
        headers: { host: 'nas', cookie: 'pl_c=token', ...headers },
        socket: { remoteAddress: '192.168.1.77' },
      } as unknown as IncomingMessage).session();
    const own = { origin: 'http://nas', 'content-type': 'text/plain' };
    const listed = { origin: 'http://listed.example.com', 'content-type': 'application/json' };
    for (const headers of [{ ...own, 'content-length': '3' }, { ...own, 'transfer-encoding': 'chunked' }, listed]) {
      await expect(post(headers)).rejects.toMatchObject({ type: 'bad_origin' });
      expect(await post({ ...headers, authorization: 'Bearer upload-token' })).toBeNull();
    }
    await expect(post({ ...own, 'content-type': 'application/octet-stream' })).rejects.toMatchObject({
      type: 'unavailable',
    });
  });

  it('has a bearer of 512 characters at most', () => {
    const bearer = (length: number) =>
      bearerOf({ headers: { authorization: `Bearer ${'a'.repeat(length)}` } } as IncomingMessage);
    expect([bearer(512)?.length, bearer(513)]).toEqual([512, null]);
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
