import type { TransferHarness } from './state-harness.ts';
import { describeEndOfTransfers } from './transfer-end.suite.ts';
import { describeInsertedTransfers } from './transfer-insert.suite.ts';
import { describeListsOfTransfers } from './transfer-lists.suite.ts';
import { describeSealing } from './transfer-sealing.suite.ts';

/** What every TransferRepository does, whatever it stands on. */
export function describeTransferRepository(make: () => TransferHarness): void {
  describeInsertedTransfers(make);
  describeSealing(make);
  describeEndOfTransfers(make);
  describeListsOfTransfers(make);
}
