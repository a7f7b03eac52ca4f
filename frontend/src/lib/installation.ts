/**
 * The page as an app of its own, where the browser makes that possible: secure contexts of Chromium. Everywhere else
 * nothing of this happens.
 */
import { createStore } from './store.ts';

interface InstallOffer extends Event {
  readonly prompt: () => Promise<unknown>;
}

/** What the browser gave us to ask with; null when it offers nothing, or has been asked. */
export const installation = createStore<InstallOffer | null>(null);

const INSTALLED = '(display-mode: standalone), (display-mode: minimal-ui), (display-mode: window-controls-overlay)';
/** The worker is given this one address and no other: it can neither answer for the page nor for a download. */
const SHARE_TARGET = { script: '/share-target-worker.js', scope: '/share-target' };

/** To be called once, early: the browser's offer comes when it likes. */
export function watchInstallation(): void {
  window.addEventListener('beforeinstallprompt', (event) => {
    // Ours stands in the footer; the browser's own would cover the page.
    event.preventDefault();
    installation.change(() => event as InstallOffer);
  });
  window.addEventListener('appinstalled', () => {
    installation.change(() => null);
    settleIn();
  });
  if (window.matchMedia(INSTALLED).matches) settleIn();
}

export async function offerToInstall(): Promise<void> {
  const offer = installation.read();
  if (offer === null) return;
  // It can be asked with only once.
  installation.change(() => null);
  await offer.prompt().catch(() => undefined);
}

/**
 * What only an installed page needs: the worker that takes what other apps share with it, and storage that the browser
 * does not clear when space is short. Installed pages get that without a question.
 */
function settleIn(): void {
  if ('serviceWorker' in navigator) {
    const { script, scope } = SHARE_TARGET;
    navigator.serviceWorker.register(script, { scope, type: 'module' }).catch(() => undefined);
  }
  if (navigator.storage?.persist) navigator.storage.persist().catch(() => undefined);
}
