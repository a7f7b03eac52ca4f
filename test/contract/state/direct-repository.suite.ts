import { describeInboxes } from './direct-inbox.suite.ts';
import { describeOffers } from './direct-offers.suite.ts';
import { describeReceipts } from './direct-receipts.suite.ts';
import type { StateHarness } from './state-harness.ts';

/** What every DirectRepository does, whatever it stands on. */
export function describeDirectRepository(make: () => StateHarness): void {
  describeOffers(make);
  describeReceipts(make);
  describeInboxes(make);
}
