import { describe, expect, it } from '@jest/globals';
import type { ErrorType } from '../../../../services/contracts/errors.ts';
import { formatterFor } from '../../lib/format.ts';
import { ar } from '../../messages/ar.ts';
import { en } from '../../messages/en.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { explainToReader } from './gone-reason.ts';

const format = formatterFor('en');
const problem = (type: ErrorType, data = {}): Fault => ({ kind: 'problem', type, retryAfterMs: null, data });

describe('a download that the server ended', () => {
  it.each<[ErrorType, object, string]>([
    ['expired', {}, 'Links are kept for a limited time. Ask the sender for a new one.'],
    ['used_up', {}, 'The sender allowed a certain number of downloads. Ask them for a new link.'],
    ['ended', { endReason: 'deleted' }, 'It was deleted before it expired. Ask the sender if that was meant.'],
    ['ended', { endReason: 'node_lost' }, en.receive.goneText.node_lost],
    ['damaged', {}, 'They cannot be delivered as they are. Whoever sent the file has to send it again.'],
  ])('does not tell whoever receives to send it again: %s %j', (type, data, advice) => {
    expect(explainToReader(problem(type, data), en, format).advice).toBe(advice);
    expect(explainToReader(problem(type, data), ar, format).advice).not.toBe(advice);
  });

  it('is explained as everywhere when the link is still there', () => {
    expect(explainToReader({ kind: 'network' }, en, format)).toEqual(en.fault.network);
  });
});
