import { join } from 'node:path';
import type { DrainStatus } from '../contracts/actions.ts';
import type { GiveUpResponse } from '../contracts/operator.ts';
import { findNode } from './find-node.ts';
import { listenPrivately, type PrivateSocket } from './private-socket.ts';

/** One question a connection; more at once are a mistake. */
const MAX_CONNECTIONS = 8;
/** A command's name and the id of a node. */
const MAX_QUESTION_CHARS = 1_024;
/** A program that hangs must not keep a place for ever; an answer may take a node its five seconds. */
const QUIET_MS = 15_000;

export interface OperatorPorts {
  /** Ids of nodes that answer, this one too. */
  readonly nodeIds: () => readonly string[];
  readonly drain: (nodeId: string) => Promise<DrainStatus>;
  /** Ids of all nodes there are, also of those that are gone. */
  readonly knownNodeIds: () => Promise<readonly string[]>;
  /** Unconfirmed it only tells what that costs. */
  readonly giveUp: (nodeId: string, isConfirmed: boolean) => Promise<GiveUpResponse>;
  /** A new token for the operator; the old one is worthless. */
  readonly renewToken: () => Promise<string>;
}

export function operatorSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'operator.sock');
}

/** Answers `npm run peerlink` on a UNIX socket that only this user can open: a line of JSON in, a line of JSON out. */
export function serveOperator(ports: OperatorPorts, directory: string, quietMs = QUIET_MS): Promise<PrivateSocket> {
  const options = { atOnce: MAX_CONNECTIONS, refusal: '' };
  return listenPrivately(operatorSocketPath(directory), options, (socket) => {
    let text = '';
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.length > MAX_QUESTION_CHARS) {
        socket.destroy();
        return;
      }
      if (!text.includes('\n')) return;
      socket.removeAllListeners('data');
      void answer(ports, text).then((said) => socket.end(`${JSON.stringify(said)}\n`));
    });
  });
}

export type OperatorAnswer =
  | { readonly ok: true; readonly status: DrainStatus }
  | { readonly ok: true; readonly losses: GiveUpResponse }
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly message: string };

/**
 * `{"command":"drain","node":"<id, or the beginning of one>"}`, `{"command":"give-up","node":"...","isConfirmed":true}` or
 * `{"command":"admin-token"}`
 */
export async function answer(ports: OperatorPorts, question: string): Promise<OperatorAnswer> {
  try {
    const { command, node, isConfirmed } = JSON.parse(question) as Readonly<Record<string, unknown>>;
    if (command === 'admin-token') return { ok: true, token: await ports.renewToken() };
    if ((command !== 'drain' && command !== 'give-up') || typeof node !== 'string')
      return refuse('the only commands are: drain <node>, give-up <node>, admin-token');
    if (command === 'give-up') {
      const gone = findNode(await ports.knownNodeIds(), node, 'node');
      return gone.ok
        ? { ok: true, losses: await ports.giveUp(gone.nodeId, isConfirmed === true) }
        : refuse(gone.message);
    }
    const found = findNode(ports.nodeIds(), node);
    return found.ok ? { ok: true, status: await ports.drain(found.nodeId) } : refuse(found.message);
  } catch (fault) {
    return refuse(fault instanceof Error ? fault.message : String(fault));
  }
}

function refuse(message: string): OperatorAnswer {
  return { ok: false, message };
}
