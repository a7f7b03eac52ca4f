import { describe, expect, it } from '@jest/globals';
import { faultOfAnswer } from '../../transfer-engine/problem.ts';
import { type ShareState, stateAfterFault } from './share-state.ts';

const READY = { name: 'ready' } as unknown as ShareState;
const LOADING: ShareState = { name: 'loading' };
const ours = (status: number, type: string) => faultOfAnswer(status, null, `{"type":"urn:peerlink:error:${type}"}`);
const proxys = (status: number) => faultOfAnswer(status, null, '<h1>Bad Gateway</h1>');

describe('a look at a share that brought no answer', () => {
  it.each([
    ['a broken line', { kind: 'network' as const }],
    ['a server that is silent', { kind: 'timeout' as const }],
    ["a proxy's 502", proxys(502)],
    ["a proxy's 503", proxys(503)],
    ["a proxy's 404, as while a server is exchanged", proxys(404)],
    ['a node that is not ready', ours(503, 'unavailable')],
    ['one that is asked too often', ours(429, 'rate_limited')],
    ['a mistake of the server', ours(500, 'internal')],
  ])('leaves what is on the screen: %s', (_name, fault) => {
    expect(stateAfterFault(READY, fault)).toBe(READY);
    expect(stateAfterFault(LOADING, fault)).toEqual({ name: 'failed', fault });
  });

  it.each([
    ['expired', ours(410, 'expired')],
    ['ended', ours(410, 'ended')],
    ['used up', ours(410, 'used_up')],
    ['unknown', ours(404, 'not_found')],
  ])('says so when the share is %s', (_name, fault) => {
    expect(stateAfterFault(READY, fault)).toEqual({ name: 'failed', fault });
  });

  it('asks for the password again when the right to it has ended', () => {
    expect(stateAfterFault(READY, ours(401, 'bad_token')).name).toBe('password');
  });
});
