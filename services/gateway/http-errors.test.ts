import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { Errors } from 'moleculer';
import { ERROR_TYPES, type ErrorType, errorTypeOf, PeerLinkError } from '../contracts/errors.ts';
import { createLogger } from '../logging.ts';
import { answerFault, errorTypeOfFault, problemOf } from './http-errors.ts';

describe('problemOf', () => {
  it('has a title and the status of every type in the closed list', () => {
    for (const type of Object.keys(ERROR_TYPES) as ErrorType[]) {
      const problem = problemOf(new PeerLinkError(type, 'because'));
      expect(errorTypeOf(problem)).toBe(type);
      expect(problem.status).toBe(ERROR_TYPES[type].status);
      expect(problem.title.length).toBeGreaterThan(3);
    }
  });

  it('says message and data of a 4xx, and neither of a 5xx', () => {
    const refused = problemOf(new PeerLinkError('bad_offset', 'offset 4096 sent', { data: { offset: 4096 } }), 'r-1');
    expect(refused).toMatchObject({ detail: 'offset 4096 sent', data: { offset: 4096 }, requestId: 'r-1' });
    for (const type of ['internal', 'unavailable', 'disk_full', 'damaged'] as const) {
      const failed = JSON.stringify(
        problemOf(new PeerLinkError(type, 'at /srv/secret', { data: { path: '/srv/secret' } })),
      );
      expect(failed).not.toContain('secret');
    }
  });

  it('says which chunks of a refused body are committed, whatever refused it, and nothing else beside', () => {
    const committed = [
      [0, 3],
      [5, 6],
    ];
    for (const type of ['unavailable', 'disk_full', 'internal'] as const) {
      expect(problemOf(new PeerLinkError(type, 'x', { data: { committed, path: '/srv' } })).data).toEqual({
        committed,
      });
      for (const wrong of ['/srv', [['/srv', 1]], [[0, 1, 2]], [0, 1], [[-1, 2]]])
        expect(problemOf(new PeerLinkError(type, 'x', { data: { committed: wrong } })).data).toBeUndefined();
    }
  });

  it('says in its own words what is wrong with an address that moleculer-web could not decode', () => {
    const fault = Object.assign(new Error('%E0'), { name: 'BadRequestError', code: 400, type: 'UNABLE_DECODE_PARAM' });
    expect(problemOf(fault)).toMatchObject({
      status: 400,
      type: 'urn:peerlink:error:bad_request',
      detail: 'The address is not valid percent-encoded UTF-8.',
    });
  });

  it('hides any fault that is not ours', () => {
    for (const fault of [
      new Error('postgres://u:p@db'),
      new TypeError('x'),
      'text',
      null,
      undefined,
      { type: 'toString' },
      { type: '__proto__' },
    ]) {
      const problem = problemOf(fault);
      expect(problem).toMatchObject({ status: 500, type: 'urn:peerlink:error:internal' });
      expect(JSON.stringify(problem)).not.toContain('postgres');
    }
  });

  it('hides the text of a fault that only borrows one of our types', () => {
    expect(problemOf(Object.assign(new Error('inner detail'), { type: 'bad_request' })).detail).toBeUndefined();
  });

  it('says when to try again', () => {
    expect(problemOf(new PeerLinkError('rate_limited', 'x', { retryAfterSeconds: 17 })).retryAfterSeconds).toBe(17);
    expect(problemOf(new PeerLinkError('unavailable', 'x')).retryAfterSeconds).toBe(1);
    expect(problemOf(new PeerLinkError('not_found', 'x')).retryAfterSeconds).toBeUndefined();
  });
});

describe('errorTypeOfFault', () => {
  it.each([
    [new Errors.RequestTimeoutError({ action: 'a', nodeID: 'n' }), 'unavailable'],
    [new Errors.ServiceNotFoundError({ action: 'a', nodeID: 'n' }), 'unavailable'],
    [new Errors.ServiceNotAvailableError({ action: 'a', nodeID: 'n' }), 'unavailable'],
    [new Errors.QueueIsFullError({ action: 'a', nodeID: 'n', size: 1, limit: 1 }), 'busy'],
    [new Errors.ValidationError('x', 'VALIDATION_ERROR', {}), 'bad_request'],
    [Object.assign(new Error('x'), { name: 'PeerLinkError', type: 'expired' }), 'expired'],
  ])('%s is %s', (fault, type) => {
    expect(errorTypeOfFault(fault)).toBe(type);
  });
});

describe('a fault behind the head of an answer', () => {
  it('breaks the stream, since a clean end would present damage as success', () => {
    const ended: string[] = [];
    const res = { headersSent: true, destroy: () => ended.push('broken'), end: () => ended.push('ended') };
    const log = createLogger({ level: 'silent' });
    answerFault({} as IncomingMessage, res as unknown as ServerResponse, { requestId: 'r', log }, new Error('damaged'));
    expect(ended).toEqual(['broken']);
  });
});
