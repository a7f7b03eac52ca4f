import { bytes, newFile, newTransfer, ROOMY, type StateHarness } from './state-harness.ts';

const IDLE_MS = 600_000;
const MIB = 1_048_576;

/** What the suites of leases do again and again: a share, leases of it, and what is served under them. */
export function leaseSteps(make: () => StateHarness) {
  const share = async (maxDownloads: number | null) => {
    const row = newTransfer({ maxDownloads });
    await make().transfers.insert(row, [newFile(0), newFile(1)], ROOMY);
    return row.id;
  };
  const acquire = (transferId: string, token: number, changes: { holder?: string; idleMs?: number } = {}) =>
    make().leases.acquire({
      transferId,
      tokenHash: bytes(32, token),
      holder: '192.0.2.1',
      nodeId: 'home-1',
      idleMs: IDLE_MS,
      ...changes,
    });
  const grant = async (transferId: string, token: number, changes: { holder?: string } = {}) => {
    const answer = await acquire(transferId, token, changes);
    if (answer.outcome !== 'granted') throw new Error(answer.outcome);
    return answer.leaseId;
  };
  const takeUp = (transferId: string, fromByte: number, changes: { holder?: string; fileIndex?: number } = {}) =>
    make().leases.takeUp({
      transferId,
      holder: '192.0.2.1',
      fileIndex: 0,
      fromByte,
      backtrackBytes: 8 * MIB,
      tokenHash: bytes(32, 200),
      ...changes,
    });

  let tellings = 0;
  /** Counts bytes under a stream, opened first when `opens`, closed with it when `closes`. */
  const serve = async (
    leaseId: string,
    fileIndex: number,
    servedBytes: number,
    { opens = false, closes = false, streamId = 's' } = {},
  ) => {
    const flight = { streamId, fileIndex, leftBytes: 0, isZip: false };
    if (opens) await make().leases.begin(leaseId, flight, []);
    tellings += 1;
    const since = { number: tellings, served: [{ fileIndex, servedBytes }], isLast: closes };
    return make().leases.record(leaseId, { ...flight, ...since });
  };
  /** Of a file that may be sent `maxBytes`, which is twice its size. */
  const begin = (leaseId: string, streamId: string, leftBytes: number, maxBytes: number | null, fileIndex = 0) => {
    const planned = maxBytes === null ? [] : [{ fileIndex, sizeBytes: maxBytes / 2, plannedBytes: leftBytes }];
    return make().leases.begin(leaseId, { streamId, fileIndex, leftBytes, isZip: false }, planned);
  };

  return { share, acquire, grant, takeUp, serve, begin };
}
