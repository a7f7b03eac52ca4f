import { describe, expect, it } from '@jest/globals';
import { ERROR_TYPES, type ErrorType } from '../../../services/contracts/errors.ts';
import { formatterFor } from '../lib/format.ts';
import { ar } from '../messages/ar.ts';
import { en } from '../messages/en.ts';
import { explainFault } from '../messages/explain-fault.ts';
import { remedyFor } from './fault.ts';
import { faultOfAnswer } from './problem.ts';

const format = formatterFor('en');

describe('what is done about a fault', () => {
  it.each<ErrorType>(['busy', 'draining', 'rate_limited', 'too_many_transfers', 'moved', 'stale_epoch', 'disk_full'])(
    'waits by itself for as long as %s lasts, and asks nobody',
    (type) => {
      expect(remedyFor({ kind: 'problem', type, retryAfterMs: null })).toBe('wait');
    },
  );
});

describe('fault of an answer', () => {
  it('reads type, data and the time to come back from our own body', () => {
    const body = { type: 'urn:peerlink:error:too_large', status: 413, data: { limitBytes: 5 }, retryAfterSeconds: 2 };
    expect(faultOfAnswer(413, '9', JSON.stringify(body))).toEqual({
      kind: 'problem',
      type: 'too_large',
      retryAfterMs: 2_000,
      data: { limitBytes: 5 },
    });
  });

  it.each([
    [502, 'unavailable'],
    [413, 'too_large'],
    [429, 'rate_limited'],
    [500, 'internal'],
  ])('makes the best of a bare %d', (status, type) => {
    expect(faultOfAnswer(status, null, '<html>nginx</html>')).toEqual({ kind: 'problem', type, retryAfterMs: null });
  });

  it.each([400, 401, 403, 404, 405, 407, 410, 418, 421])(
    'takes a bare %d for a proxy that is to be asked again',
    (status) => {
      const fault = faultOfAnswer(status, null, '<html>nginx</html>');
      expect(fault).toMatchObject({ type: 'unavailable' });
      expect(remedyFor(fault)).toBe('retry');
    },
  );

  it.each([
    [404, 'not_found'],
    [410, 'ended'],
    [401, 'bad_token'],
  ] as const)('takes a %d with our own body at its word', (status, type) => {
    const fault = faultOfAnswer(status, null, JSON.stringify({ type: `urn:peerlink:error:${type}`, status }));
    expect(fault).toMatchObject({ type });
    expect(remedyFor(fault)).toBe('end');
  });

  it.each(['null', '[]', '"x"', '{"type":7}', '{"type":"urn:peerlink:error:__proto__"}'])(
    'is not misled by %s',
    (body) => {
      expect(faultOfAnswer(503, 'soon', body)).toMatchObject({ type: 'unavailable', retryAfterMs: null });
    },
  );
});

describe('every fault', () => {
  const types = Object.keys(ERROR_TYPES) as ErrorType[];

  it.each(types)('%s has words for a person and no code in them', (type) => {
    const { title, advice } = explainFault({ kind: 'problem', type, retryAfterMs: null }, en, format);
    expect(title).not.toMatch(/_|undefined|^$/);
    expect(advice).not.toMatch(/undefined|^$/);
  });

  it.each(types)('%s promises only what happens: nothing goes on by itself where nobody tries again', (type) => {
    const fault = { kind: 'problem', type, retryAfterMs: 60_000 } as const;
    expect(explainFault(fault, en, format).advice).not.toMatch(/by itself|queue|goes on|sent again\.$/);
    expect(explainFault(fault, ar, format).advice).not.toMatch(/تلقائي|يُستأنف|الانتظار|يُعاد/);
    if (remedyFor(fault) !== 'wait') return;
    expect(explainFault(fault, en, format, true).advice).toMatch(/by itself|goes on/);
    expect(explainFault(fault, ar, format, true).advice).toMatch(/تلقائي|يُستأنف/);
  });

  it.each(types)('%s has a remedy that never repeats what cannot succeed', (type) => {
    const remedy = remedyFor({ kind: 'problem', type, retryAfterMs: null });
    if (!ERROR_TYPES[type].isRetryable) expect(['end', 'fail']).toContain(remedy);
    else expect(['wait', 'retry']).toContain(remedy);
  });

  it('of a transfer that the server lost says so, and not that somebody deleted it', () => {
    const fault = { kind: 'problem', type: 'ended', retryAfterMs: null } as const;
    const lost = explainFault({ ...fault, data: { endReason: 'node_lost' } }, en, format);
    expect(lost).toEqual(en.fault.node_lost);
    expect(explainFault(fault, en, format)).toEqual(en.fault.ended);
  });

  it.each<ErrorType>(['moved', 'stale_epoch'])(
    'says of %s that the server is not ready, and nothing of homes',
    (type) => {
      const fault = { kind: 'problem', type, retryAfterMs: null } as const;
      expect(explainFault(fault, en, format)).toEqual(en.fault.unavailable);
    },
  );

  it('names the limit when the server told it', () => {
    const fault = {
      kind: 'problem',
      type: 'too_large',
      retryAfterMs: null,
      data: { limitBytes: 1_073_741_824 },
    } as const;
    expect(explainFault(fault, en, format).advice).toContain('1.1 GB');
  });
});
