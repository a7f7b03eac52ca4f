/** Longer than a typeface takes on a slow line, and no longer than anybody should look at an empty page for it. */
const MOST_MS = 1_500;

/**
 * The page's typeface for such a text, or MOST_MS: in another one its lines break elsewhere, and all below them would
 * move when it comes. Never fails.
 */
export async function typefaceOf(text: string): Promise<void> {
  const { fontFamily } = getComputedStyle(document.body);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, MOST_MS);
  });
  // The digits are there in every language.
  const loading = document.fonts.load(`1rem ${fontFamily}`, `PeerLink 0 ${text}`);
  await Promise.race([loading.catch(() => undefined), patience]);
  clearTimeout(timer);
}
