/** How an upload stands. */
import type { Fault } from './fault.ts';

export type UploadPhase =
  /** Asking the server which chunks it has. */
  | { readonly name: 'checking' }
  | { readonly name: 'sending' }
  /** No recipient has accepted yet: goes on when told so, and looks by itself now and then. */
  | { readonly name: 'asking' }
  /** The server asked for patience, or a retry is due; goes on by itself. */
  | { readonly name: 'waiting'; readonly fault: Fault }
  /** The node went away; another one is being found, or was. */
  | { readonly name: 'moving' }
  /** No connection; goes on by itself. */
  | { readonly name: 'offline' }
  | { readonly name: 'paused' }
  /** Retries are used up; the person says when to go on. */
  | { readonly name: 'stalled'; readonly fault: Fault }
  | { readonly name: 'sealed' }
  | { readonly name: 'ended'; readonly fault: Fault | null }
  | { readonly name: 'failed'; readonly fault: Fault }
  | { readonly name: 'cancelled' };

/** Phases in which bytes move or will by themselves. */
export const GOING_ON: ReadonlySet<string> = new Set<UploadPhase['name']>([
  'checking',
  'sending',
  'asking',
  'waiting',
  'moving',
  'offline',
]);
/** Phases that nothing follows. */
export const OVER: ReadonlySet<UploadPhase['name']> = new Set(['sealed', 'ended', 'failed', 'cancelled']);
