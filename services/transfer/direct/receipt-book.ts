import { MAX_RECEIPT_RANGES } from '../../contracts/limits.ts';
import { mergedRanges } from './byte-ranges.ts';
import type { ReceiptOf, ReceiptReport } from './ports.ts';

/** Files of which something was taken and not reported: only while the database is away there are more than move. */
const MAX_ENTRIES = 100_000;
/** Merged when so many were added. */
const MERGE_AT = 64;

interface Entry extends ReceiptOf {
  ranges: [number, number][];
}

/**
 * What recipients' sockets took at this node since it was last told. Kept as ranges, so that a report may be sent twice,
 * late, or beside those of other nodes.
 */
export class ReceiptBook {
  readonly #entries = new Map<string, Entry>();

  /** Files of which something is to be reported. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes `from` to `to` of a file, half-open; none is a file without bytes that was sent. */
  taken(of: ReceiptOf, from: number, to: number): void {
    const key = `${of.transferId} ${of.sessionId} ${of.fileIndex}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= MAX_ENTRIES) return;
      entry = { transferId: of.transferId, sessionId: of.sessionId, fileIndex: of.fileIndex, ranges: [] };
      this.#entries.set(key, entry);
    }
    const last = entry.ranges.at(-1);
    if (last !== undefined && last[1] === from) last[1] = to;
    else entry.ranges.push([from, to]);
    if (entry.ranges.length > MERGE_AT) entry.ranges = bounded(entry.ranges);
  }

  /** Takes out what is to be reported now, at most so many files. */
  take(limit: number): readonly ReceiptReport[] {
    const taken: ReceiptReport[] = [];
    for (const [key, entry] of this.#entries) {
      if (taken.length >= limit) break;
      this.#entries.delete(key);
      taken.push({ ...entry, ranges: mergedRanges(entry.ranges), isWritten: false });
    }
    return taken;
  }

  /** Puts back what could not be reported. */
  giveBack(reports: readonly ReceiptReport[]): void {
    for (const report of reports) {
      if (report.ranges.length === 0) this.taken(report, 0, 0);
      for (const [from, to] of report.ranges) this.taken(report, from, to);
    }
  }
}

/** Crumbs beyond the bound are not counted: whoever asks for single bytes all over a file learns nothing from it. */
function bounded(ranges: [number, number][]): [number, number][] {
  return mergedRanges(ranges).slice(0, MAX_RECEIPT_RANGES);
}
