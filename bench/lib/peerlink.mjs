// A running PeerLink and what a client of it does, out of docs/PROTOCOL.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runClient } from './processes.mjs';

const MIB = 1024 * 1024;

export class PeerLink {
  constructor(server, port, directory) {
    this.server = server;
    this.port = port;
    this.directory = directory;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** As its data directory says. */
  nodeId() {
    return JSON.parse(readFileSync(join(this.directory, 'node-0', 'node.json'), 'utf8')).nodeId;
  }

  /** @returns {Promise<{id, sizeBytes, shareId, uploadToken, path, readPath, headers}>} `path` is where its first file's bytes are PUT */
  async open(sizeBytes, more = {}) {
    const answer = await fetch(`${this.origin}/api/transfers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ files: [{ path: 'bench.bin', sizeBytes }], ...more }),
    });
    if (answer.status !== 201) throw new Error(`opening answered ${answer.status}: ${await answer.text()}`);
    const { transfer, uploadToken } = await answer.json();
    return {
      id: transfer.id,
      sizeBytes,
      shareId: transfer.shareId,
      uploadToken,
      path: `/api/transfers/${transfer.id}/files/0`,
      readPath: `/d/${transfer.shareId}/0`,
      headers: { authorization: `Bearer ${uploadToken}` },
    };
  }

  async remove(transfer) {
    const answer = await fetch(`${this.origin}/api/transfers/${transfer.id}`, {
      method: 'DELETE',
      headers: transfer.headers,
    });
    if (!answer.ok) throw new Error(`deleting answered ${answer.status}`);
  }

  async status(transfer) {
    const answer = await fetch(`${this.origin}/api/transfers/${transfer.id}/status`, { headers: transfer.headers });
    return await answer.json();
  }

  /** A session's cookie, for what is a browser's. */
  async sessionCookie() {
    const answer = await fetch(`${this.origin}/api/session`, { method: 'POST' });
    if (!answer.ok) throw new Error(`the session answered ${answer.status}: ${await answer.text()}`);
    return answer.headers.getSetCookie()[0].split(';')[0];
  }

  put(transfer, sizeBytes) {
    return runClient('raw-http.mjs', {
      kind: 'put',
      port: this.port,
      path: transfer.path,
      headers: transfer.headers,
      sizeBytes,
    });
  }

  putRuns(transfer, sizeBytes) {
    return runClient('raw-http.mjs', {
      kind: 'runs',
      port: this.port,
      path: transfer.path,
      headers: transfer.headers,
      sizeBytes,
      runBytes: 8 * MIB,
      count: 6,
    });
  }

  get(transfer, count = 1) {
    const { readPath, sizeBytes } = transfer;
    return runClient('raw-http.mjs', { kind: 'get', port: this.port, path: readPath, sizeBytes, count });
  }

  relay(transfer, sizeBytes) {
    return runClient('raw-http.mjs', {
      kind: 'relay',
      port: this.port,
      getPath: transfer.readPath,
      putPath: transfer.path,
      headers: transfer.headers,
      sizeBytes,
    });
  }

  sendOverSocket(transfer, sizeBytes, { chunkBytes, windowChunks, cookie }) {
    return runClient('socket.mjs', {
      cookie,
      door: 'peerlink',
      port: this.port,
      transferId: transfer.id,
      uploadToken: transfer.uploadToken,
      sizeBytes,
      chunkBytes,
      windowChunks,
    });
  }
}
