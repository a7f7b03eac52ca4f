import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { atEnd } from './cleanup.ts';

/** A DNS server of the test's own, over UDP on loopback, that knows one name. */
export interface TestNameServer {
  readonly port: number;
  /** The IPv4 addresses that the name has from now on. */
  answer(addresses: readonly string[]): void;
  /** How often it was asked for them. */
  questionCount(): number;
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
const TTL_SECONDS = 600;

/** Starts it. Any other name, and any other type than A, has no answer (RFC 1035, sections 4.1.1 to 4.1.3). */
export async function startNameServer(name: string): Promise<TestNameServer> {
  let known: readonly string[] = [];
  let count = 0;
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const questionEnd = query.indexOf(0, HEADER_BYTES) + 5;
    const question = query.subarray(HEADER_BYTES, questionEnd);
    const isWanted = nameOf(question) === name && question.readUInt16BE(question.length - 4) === TYPE_A;
    if (isWanted) count += 1;
    const records = isWanted ? known.map(recordOf) : [];
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8180, 2); // An answer without an error, to a question that asked for recursion.
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  atEnd(() => new Promise<void>((done) => socket.close(() => done())));
  return {
    port: socket.address().port,
    answer: (addresses) => {
      known = addresses;
    },
    questionCount: () => count,
  };
}

function nameOf(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 0; question[at] !== 0 && at < question.length; at += 1 + (question[at] ?? 0)) {
    labels.push(question.toString('latin1', at + 1, at + 1 + (question[at] ?? 0)));
  }
  return labels.join('.');
}

/** A record whose name points back to the question's. */
function recordOf(address: string): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc000 + HEADER_BYTES, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(TTL_SECONDS, 6);
  record.writeUInt16BE(4, 10);
  address.split('.').forEach((part, index) => {
    record.writeUInt8(Number(part), 12 + index);
  });
  return record;
}
