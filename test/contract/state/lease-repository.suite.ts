import { describeLeaseContinuation } from './lease-continuation.suite.ts';
import { describeLeaseSlots } from './lease-slots.suite.ts';
import type { StateHarness } from './state-harness.ts';

/** What every LeaseRepository does, whatever it stands on. */
export function describeLeaseRepository(make: () => StateHarness): void {
  describeLeaseSlots(make);
  describeLeaseContinuation(make);
}
