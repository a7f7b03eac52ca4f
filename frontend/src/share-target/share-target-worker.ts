/**
 * The service worker of an installed page, and all it does: it takes the files that another app shares, and leads to
 * the page that sends them. It caches nothing and answers for no other address: its scope is `/share-target` alone, so
 * the page, its policy and every download come from the server as they always do.
 */
import { keepShared, type Shared } from './shared-files.ts';

/** Of a service worker's world, which the page's types do not have. */
interface ShareRequest extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
const worker = self as unknown as {
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install', listener: () => void): void;
  addEventListener(type: 'fetch', listener: (event: ShareRequest) => void): void;
};

worker.addEventListener('install', () => void worker.skipWaiting());

worker.addEventListener('fetch', (event) => {
  // Everything else goes to the server, as if nobody were here.
  if (event.request.method === 'POST') event.respondWith(take(event.request));
});

async function take(request: Request): Promise<Response> {
  try {
    await keepShared(sharedIn(await request.formData()));
    return Response.redirect('/?shared', 303);
  } catch {
    return Response.redirect('/?shared=missing', 303);
  }
}

function sharedIn(form: FormData): Shared {
  const parts = ['title', 'text', 'url'].map((name) => form.get(name));
  return {
    files: form.getAll('files').filter((part) => part instanceof File),
    text: parts.flatMap((part) => (typeof part === 'string' && part !== '' ? [part] : [])).join('\n'),
  };
}
