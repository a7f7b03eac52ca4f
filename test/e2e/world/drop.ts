import type { Page } from 'playwright-core';

/** Fires a real event whose clipboard or drop holds one file, as the browser does when a person lets go. */
export async function dispatchWithFile(
  page: Page,
  type: 'dragenter' | 'drop' | 'paste',
  name: string,
  bytes: Buffer,
): Promise<void> {
  await page.evaluate(
    ({ type, name, base64 }) => {
      const transfer = new DataTransfer();
      const binary = atob(base64);
      const content = Uint8Array.from(binary, (sign) => sign.charCodeAt(0));
      transfer.items.add(new File([content], name));
      const options = { bubbles: true, cancelable: true };
      const event =
        type === 'paste'
          ? new ClipboardEvent(type, { ...options, clipboardData: transfer })
          : new DragEvent(type, { ...options, dataTransfer: transfer, clientX: 200, clientY: 200 });
      document.body.dispatchEvent(event);
    },
    { type, name, base64: bytes.toString('base64') },
  );
}
