import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../../test/support/cleanup.ts';
import { waitFor } from '../../test/support/waiting.ts';
import { askOperator } from './operator-client.ts';
import { answer, type OperatorPorts, operatorSocketPath, serveOperator } from './operator-server.ts';

const status = (nodeId: string) => ({ nodeId, homeCount: 2, onlyCopyCount: 1 });
const losses = (nodeId: string, isGivenUp: boolean) => ({
  ...{ nodeId, isGivenUp, homeCount: 5, openLostCount: 2, sealedLostCount: 1, copyCount: 4 },
});
const ports: OperatorPorts = {
  nodeIds: () => ['abc1', 'abd2', 'xyz3'],
  drain: async (nodeId) => status(nodeId),
  knownNodeIds: async () => ['abc1', 'gone7'],
  giveUp: async (nodeId, isConfirmed) => losses(nodeId, isConfirmed),
  renewToken: async () => 'a new token',
};

describe("the operator's question", () => {
  it.each([
    [
      { command: 'drain', node: 'xyz3' },
      { ok: true, status: status('xyz3') },
    ],
    [
      { command: 'drain', node: 'abc' },
      { ok: true, status: status('abc1') },
    ],
    [
      { command: 'drain', node: 'ab' },
      { ok: false, message: 'ab may be any of: abc1 abd2' },
    ],
    [
      { command: 'drain', node: '' },
      { ok: false, message: 'which node? There are: abc1 abd2 xyz3' },
    ],
    [
      { command: 'drain', node: 'q' },
      { ok: false, message: 'no node that answers is called q; there are: abc1 abd2 xyz3' },
    ],
    [
      { command: 'stop', node: 'abc1' },
      { ok: false, message: 'the only commands are: drain <node>, give-up <node>, admin-token' },
    ],
    [
      { command: 'give-up', node: 'gone' },
      { ok: true, losses: losses('gone7', false) },
    ],
    [
      { command: 'give-up', node: 'gone7', isConfirmed: true },
      { ok: true, losses: losses('gone7', true) },
    ],
    [
      { command: 'give-up', node: 'xyz3' },
      { ok: false, message: 'no node is called xyz3; there are: abc1 gone7' },
    ],
    [
      { command: 'give-up', node: 'gone7', isConfirmed: 'true' },
      { ok: true, losses: losses('gone7', false) },
    ],
    [{ command: 'admin-token' }, { ok: true, token: 'a new token' }],
  ])('%j is answered %j', async (question, wanted) => {
    expect(await answer(ports, JSON.stringify(question))).toEqual(wanted);
  });

  it('that is no JSON, or whose node fails, is answered with the reason', async () => {
    expect(await answer(ports, 'drain!')).toMatchObject({ ok: false });
    const failing = { ...ports, drain: () => Promise.reject(new Error('the bus is away')) };
    const said = await answer(failing, JSON.stringify({ command: 'drain', node: 'xyz3' }));
    expect(said).toEqual({ ok: false, message: 'the bus is away' });
  });

  it('is taken on a socket that only this user can open, and a long one is cut off', async () => {
    const directory = tempDirectory('operator');
    let renewals = 0;
    const renewToken = async () => {
      renewals += 1;
      return 'a new token';
    };
    const server = await serveOperator({ ...ports, renewToken }, directory);
    const path = operatorSocketPath(directory);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const ask = async (text: string) => {
      const socket = connect(path);
      let said = '';
      socket.setEncoding('utf8').on('data', (piece: string) => {
        said += piece;
      });
      socket.on('error', () => undefined);
      socket.write(text);
      await once(socket, 'close');
      return said;
    };
    const said = await ask('{"command":"drain","node":"xyz3"}\n');
    expect(JSON.parse(said)).toEqual({ ok: true, status: status('xyz3') });
    expect(await ask('x'.repeat(2_000))).toBe('');
    // Also one that is whole: what is refused is not done.
    expect(await ask(`${JSON.stringify({ command: 'admin-token', more: 'x'.repeat(2_000) })}\n`)).toBe('');
    expect(renewals).toBe(0);
    await server.close();
  });

  it('is the node of that very id, also when others begin with it', async () => {
    const alike = { ...ports, nodeIds: () => ['abc12', 'abc1'] };
    const said = await answer(alike, JSON.stringify({ command: 'drain', node: 'abc1' }));
    expect(said).toEqual({ ok: true, status: status('abc1') });
  });

  it('is answered once, whatever comes behind it', async () => {
    const directory = tempDirectory('operator');
    let renewals = 0;
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const renewToken = async () => {
      renewals += 1;
      await held;
      return 'a new token';
    };
    const server = await serveOperator({ ...ports, renewToken }, directory);
    const socket = connect(operatorSocketPath(directory));
    let said = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
    });
    socket.write('{"command":"admin-token"}\n');
    await waitFor('the question is taken', 5_000, () => renewals > 0);
    await new Promise<void>((resolve) => socket.write(' ', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    letGo();
    await once(socket, 'close');
    expect([renewals, said.trim().split('\n').length]).toEqual([1, 1]);
    await server.close();
  });

  it('is refused while eight others are being asked, which the end cuts off', async () => {
    const directory = tempDirectory('operator');
    const server = await serveOperator(ports, directory);
    const path = operatorSocketPath(directory);
    const silent = Array.from({ length: 8 }, () => connect(path).resume());
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const ninth = connect(path).resume();
    await once(ninth, 'close', { signal: AbortSignal.timeout(5_000) });
    const cut = Promise.all(silent.map((socket) => once(socket, 'close')));
    await server.close();
    await cut;
  });

  it('that never comes keeps nobody else from asking', async () => {
    const directory = tempDirectory('operator');
    const server = await serveOperator(ports, directory, 50);
    const silent = Array.from({ length: 8 }, () => connect(operatorSocketPath(directory)));
    await Promise.all(silent.map((socket) => once(socket.resume(), 'close')));
    const said = await askOperator(operatorSocketPath(directory), { command: 'admin-token' });
    expect(said).toEqual({ ok: true, token: 'a new token' });
    await server.close();
  });
});
