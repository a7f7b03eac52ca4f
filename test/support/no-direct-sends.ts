import { DirectMeter } from '../../services/stats/direct-meter.ts';
import { DirectSends } from '../../services/transfer/direct/direct-sends.ts';
import type { DirectRepository } from '../../services/transfer/direct/ports.ts';
import type { TransferEngine } from '../../services/transfer/transfer-engine.ts';

/** For tests about shares: whoever sends to somebody here finds neither people nor rows. */
export function noDirectSends(engine: TransferEngine): DirectSends {
  return new DirectSends({
    engine,
    repository: {} as DirectRepository,
    roommates: { among: async () => [], nameOf: async () => null },
    secret: new Uint8Array(32),
    counter: new DirectMeter(),
    news: { inboxesChanged: () => {}, recipientsChanged: () => {} },
  });
}
