import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ensureProgram, installPackage } from '../../support/apt.ts';
import { atEnd } from '../../support/cleanup.ts';

/** Where the test, and what it lends to the nodes (PostgreSQL, Redis), is on the bridge. */
const TEST_HOST_NUMBER = 1;

/** One node's own network: it meets the others and the test on a bridge, and iptables in it can cut it off. */
export interface Namespace {
  readonly host: string;
  readonly launcher: readonly ['ip', ...string[]];
  /** Drops every packet from and to these hosts; with a port, only those of connections to that port there. */
  cutFrom(host: string, port?: number): void;
  /** Lets everything through again. */
  heal(): void;
}

export interface Bridge {
  /** The test's address on it. */
  readonly host: string;
  readonly namespaces: readonly Namespace[];
  /** Makes a port of this machine's loopback reachable from the namespaces, under an own port. */
  lend(port: number): Promise<number>;
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe', timeout: 10_000 });
}

/** It knows `-V` and no `--version`. */
function ensureIp(): void {
  try {
    run('ip', '-V');
  } catch {
    installPackage('iproute2', 'the program ip, for network namespaces');
  }
}

/** Null when this user may not make network namespaces: then no packet can be dropped. */
export function makeBridge(count: number): Bridge | null {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return null;
  ensureIp();
  ensureProgram('iptables', 'iptables', 'a packet filter (program iptables)');
  const tag = randomBytes(3).toString('hex');
  const net = `10.${100 + (Number.parseInt(tag.slice(0, 2), 16) % 100)}.${Number.parseInt(tag.slice(2, 4), 16)}`;
  const host = `${net}.${TEST_HOST_NUMBER}`;
  const bridge = `plb${tag}`;
  const undo: (() => void)[] = [];
  const make = (...args: readonly string[]) => run('ip', ...args);
  atEnd(() => {
    for (const step of undo.reverse()) step();
  });
  make('link', 'add', bridge, 'type', 'bridge');
  undo.push(() => make('link', 'del', bridge));
  make('addr', 'add', `${host}/24`, 'dev', bridge);
  make('link', 'set', bridge, 'up');
  const namespaces = Array.from({ length: count }, (_, index): Namespace => {
    const name = `pln${tag}${index}`;
    const own = `${net}.${TEST_HOST_NUMBER + 1 + index}`;
    make('netns', 'add', name);
    undo.push(() => make('netns', 'del', name));
    make('link', 'add', `plv${tag}${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    make('link', 'set', `plv${tag}${index}`, 'master', bridge, 'up');
    const inside = (...args: readonly string[]) => make('netns', 'exec', name, ...args);
    inside('ip', 'link', 'set', 'lo', 'up');
    inside('ip', 'addr', 'add', `${own}/24`, 'dev', 'eth0');
    inside('ip', 'link', 'set', 'eth0', 'up');
    return {
      host: own,
      launcher: ['ip', 'netns', 'exec', name],
      cutFrom: (from, port) => {
        const ports = (side: string) => (port === undefined ? [] : ['-p', 'tcp', side, String(port)]);
        inside('iptables', '-A', 'INPUT', '-s', from, ...ports('--sport'), '-j', 'DROP');
        inside('iptables', '-A', 'OUTPUT', '-d', from, ...ports('--dport'), '-j', 'DROP');
      },
      heal: () => inside('iptables', '-F'),
    };
  });
  return { host, namespaces, lend: (port) => lend(host, port) };
}

async function lend(host: string, port: number): Promise<number> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const inner = connect(port, '127.0.0.1');
    for (const end of [socket, inner]) {
      open.add(end);
      end.on('close', () => open.delete(end));
      end.on('error', () => {}); // Its close tells the other side.
    }
    socket.on('close', () => inner.destroy());
    inner.on('close', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  atEnd(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
