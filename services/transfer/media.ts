import { fileName } from './names.ts';

/** Types a browser may show on our origin in a sandbox without running anything. Everything else is only downloaded. */
const INLINE_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  txt: 'text/plain; charset=utf-8',
};

/** The type for showing this file inline, or null when it must only be saved. By extension: the sender's word counts for nothing here. */
export function inlineType(path: string): string | null {
  const name = fileName(path);
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(INLINE_TYPES, extension) ? (INLINE_TYPES[extension] ?? null) : null;
}
