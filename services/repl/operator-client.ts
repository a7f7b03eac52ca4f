import { once } from 'node:events';
import { connect } from 'node:net';
import type { OperatorAnswer } from './operator-server.ts';

const ANSWER_DEADLINE_MS = 10_000;

/** One question to the process whose private socket this is. @throws what connecting throws; a late or broken answer */
export async function askOperator(path: string, question: object): Promise<OperatorAnswer> {
  const socket = connect(path);
  try {
    const late = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    await once(socket, 'connect', { signal: late });
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    socket.write(`${JSON.stringify(question)}\n`);
    await once(socket, 'close', { signal: late });
    return JSON.parse(text) as OperatorAnswer;
  } finally {
    socket.destroy();
  }
}
