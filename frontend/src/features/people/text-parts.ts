/** A text that somebody sent, cut at its links, for building nodes: never HTML. */
export type TextPart = { readonly kind: 'text' | 'link'; readonly text: string };

/** Only what a browser opens as a page. Direction and control signs end a link: they could hide where it leads. */
const LINK = /\bhttps?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/giu;
/** A sentence's own signs after a link belong to the sentence. */
const SENTENCE_SIGNS = '.,;:!?)]}';
/** A page full of links is a page of text with some links. */
const MAX_LINKS = 200;

export function textParts(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  let linkCount = 0;
  for (const match of text.matchAll(LINK)) {
    const link = withoutSentenceSigns(match[0]);
    if (linkCount === MAX_LINKS) break;
    if (!isPageAddress(link)) continue;
    linkCount++;
    if (match.index > at) parts.push({ kind: 'text', text: text.slice(at, match.index) });
    parts.push({ kind: 'link', text: link });
    at = match.index + link.length;
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
  return parts;
}

/** By hand: a pattern that looks for an end tries each of a thousand brackets in the middle, too. */
function withoutSentenceSigns(link: string): string {
  let end = link.length;
  while (end > 0 && SENTENCE_SIGNS.includes(link.charAt(end - 1))) end--;
  return link.slice(0, end);
}

function isPageAddress(text: string): boolean {
  try {
    // Asked by trying: `URL.canParse` is younger than browsers that can do everything else here.
    const url = new URL(text);
    // What stands before an @ may look like the host.
    return /^https?:$/.test(url.protocol) && url.hostname !== '' && url.username === '' && url.password === '';
  } catch {
    return false;
  }
}

/** What no server would take: controls but tab and newline, and what turns the direction of the text around it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

export function sendableText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n').replaceAll(REFUSED, '');
}
