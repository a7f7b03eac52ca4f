import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../logging.ts';
import { tellFaults } from './fault-log.ts';

function capture() {
  const lines: { what: string; timesSinceLastTold?: number }[] = [];
  const log = createLogger({ level: 'info', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const now = { ms: 0 };
  return { lines, now, tell: tellFaults(log, () => now.ms) };
}

describe('faults of background work', () => {
  it('are told at once, and then once a minute with how often they came', () => {
    const { lines, now, tell } = capture();
    for (; now.ms < 180_000; now.ms += 1_000) tell('samples', new Error('the database does not answer'));
    expect(lines).toHaveLength(3);
    expect(lines.map(({ timesSinceLastTold }) => timesSinceLastTold)).toEqual([undefined, 59, 59]);
  });

  it('are told each, when the work or the reason is another one', () => {
    const { lines, tell } = capture();
    tell('samples', new Error('the database does not answer'));
    tell('refresh', new Error('the database does not answer'));
    tell('refresh', new Error('EIO'));
    tell('refresh', 'EIO');
    expect(lines.map(({ what }) => what)).toEqual(['samples', 'refresh', 'refresh']);
  });

  it('are not remembered for ever', () => {
    const { lines, tell } = capture();
    for (let n = 0; n < 1_000; n += 1) tell('mend', new Error(`chunk ${n}`));
    expect(lines).toHaveLength(1_000);
    tell('mend', new Error('chunk 999'));
    tell('mend', new Error('chunk 0'));
    expect(lines).toHaveLength(1_001);
  });
});
