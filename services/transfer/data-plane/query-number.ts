/** A whole number of a query, in decimal; NaN where it is missing or is no such number, which the caller refuses. */
export function queryNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}
