import { join } from 'node:path';
import type { DrainStatus } from '../contracts/actions.ts';
import { listenPrivately, type PrivateSocket } from './private-socket.ts';

/** One question a connection; more at once are a mistake. */
const MAX_CONNECTIONS = 8;
/** A command's name and the id of a node. */
const MAX_QUESTION_CHARS = 1_024;

export interface OperatorPorts {
  /** Ids of nodes that answer, this one too. */
  readonly nodeIds: () => readonly string[];
  readonly drain: (nodeId: string) => Promise<DrainStatus>;
}

export function operatorSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'operator.sock');
}

/** Answers `npm run peerlink` on a UNIX socket that only this user can open: a line of JSON in, a line of JSON out. */
export function serveOperator(ports: OperatorPorts, directory: string): Promise<PrivateSocket> {
  const options = { atOnce: MAX_CONNECTIONS, refusal: '' };
  return listenPrivately(operatorSocketPath(directory), options, (socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.length > MAX_QUESTION_CHARS) socket.destroy();
      if (!text.includes('\n')) return;
      socket.removeAllListeners('data');
      void answer(ports, text).then((said) => socket.end(`${JSON.stringify(said)}\n`));
    });
  });
}

export type OperatorAnswer =
  | { readonly ok: true; readonly status: DrainStatus }
  | { readonly ok: false; readonly message: string };

/** `{"command":"drain","node":"<id, or the beginning of one>"}` */
export async function answer(ports: OperatorPorts, question: string): Promise<OperatorAnswer> {
  try {
    const { command, node } = JSON.parse(question) as { command?: unknown; node?: unknown };
    if (command !== 'drain' || typeof node !== 'string') return refuse('the only command is: drain <node>');
    const nodeIds = ports.nodeIds();
    const meant = nodeIds.filter((id) => id.startsWith(node));
    const [nodeId] = node === '' ? [] : meant;
    const known = nodeIds.join(' ');
    if (nodeId === undefined)
      return refuse(
        node === ''
          ? `drain which node? There are: ${known}`
          : `no node that answers is called ${node}; there are: ${known}`,
      );
    if (meant.length > 1) return refuse(`${node} may be any of: ${meant.join(' ')}`);
    return { ok: true, status: await ports.drain(nodeId) };
  } catch (fault) {
    return refuse(fault instanceof Error ? fault.message : String(fault));
  }
}

function refuse(message: string): OperatorAnswer {
  return { ok: false, message };
}
