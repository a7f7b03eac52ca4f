import { setTimeout as delay } from 'node:timers/promises';
import { nodeIdOf } from './cluster-storage.ts';
import type { TestServer } from './server.ts';
import { waitFor } from './waiting.ts';

const MIB = 1024 ** 2;
const ANSWER_DEADLINE_MS = 30_000;
const PLACED_MS = 30_000;
/** Nodes say every second how busy they are. */
const NEXT_OPENING_MS = 1_000;

/** A transfer of one file of 1 MiB chunks that is being sent through whichever node is named. */
export interface OpenUpload {
  readonly transferId: string;
  readonly shareId: string;
  readonly uploadToken: string;
}

type Node = Pick<TestServer, 'url'>;
const within = () => ({ signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) });

/** PUTs a file as `curl -T` does; resolves to its share id. */
export async function putFile(node: Node, bytes: Uint8Array): Promise<string> {
  const answer = await fetch(`${node.url}/some.bin`, { method: 'PUT', body: Buffer.from(bytes), ...within() });
  const text = await answer.text();
  const shareId = /\/d\/([1-9A-HJ-NP-Za-km-z]+)/.exec(text)?.[1];
  if (answer.status !== 201 || shareId === undefined) throw new Error(`${answer.status} ${text}`);
  return shareId;
}

/** The bytes of a share; rejects when the stream breaks. */
export async function getFile(node: Node, shareId: string): Promise<Buffer> {
  const answer = await fetch(`${node.url}/d/${shareId}/0/some.bin`, within());
  const body = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) throw new Error(`${answer.status} ${body.toString()}`);
  return body;
}

/** @param options more of the request: a password, an end */
export async function openUpload(node: Node, sizeBytes: number | null, options: object = {}): Promise<OpenUpload> {
  const answer = await fetch(`${node.url}/api/transfers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ path: 'some.bin', sizeBytes }], ...options }),
    ...within(),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status} ${text}`);
  const { transfer, uploadToken } = JSON.parse(text) as {
    transfer: { id: string; shareId: string };
    uploadToken: string;
  };
  return { transferId: transfer.id, shareId: transfer.shareId, uploadToken };
}

/**
 * A transfer whose home is this node. Placement gives it to another while this one is the busiest; asked without a pause it
 * would stay that.
 */
export async function openUploadAt(node: TestServer, sizeBytes: number | null): Promise<OpenUpload> {
  return await waitFor('a transfer is at home there', PLACED_MS, async () => {
    const upload = await openUpload(node, sizeBytes);
    const headers = { authorization: `Bearer ${upload.uploadToken}` };
    const address = `${node.url}/api/transfers/${upload.transferId}`;
    const { home } = (await (await fetch(address, { headers, ...within() })).json()) as { home: { nodeId: string } };
    if (home.nodeId === nodeIdOf(node)) return upload;
    await fetch(address, { method: 'DELETE', headers, ...within() });
    await delay(NEXT_OPENING_MS);
    return null;
  });
}

/** PUTs chunk `index` of the file; resolves to the status and the problem's type, if any. */
export async function putChunk(
  node: Node,
  upload: OpenUpload,
  file: Buffer,
  index: number,
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`${node.url}/api/transfers/${upload.transferId}/files/0?offset=${index * MIB}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${upload.uploadToken}` },
    body: Buffer.from(file.subarray(index * MIB, (index + 1) * MIB)),
    ...within(),
  });
  return { status: answer.status, text: await answer.text() };
}

/** Half-open ranges of committed chunks of the file. */
export async function committedOf(node: Node, upload: OpenUpload): Promise<readonly (readonly number[])[]> {
  const answer = await fetch(`${node.url}/api/transfers/${upload.transferId}/status`, {
    headers: { authorization: `Bearer ${upload.uploadToken}` },
    ...within(),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return (JSON.parse(text) as { files: { committed: number[][] }[] }).files[0]?.committed ?? [];
}
