/** The script that a page begins with; each build gives it another name. */
export function entryOf(html: string): string | null {
  return /<script[^>]*\ssrc="([^"]+)"/.exec(html)?.[1] ?? null;
}
