import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import pino from 'pino';
import { openBus } from '../../services/bus/open-bus.ts';
import { openDatabase } from '../../services/database/open-database.ts';
import { systemClock } from '../../services/kernel/clock.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { getFile, putFile } from '../support/cluster-client.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { freePort } from '../support/ports.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { redisSettings } from '../support/redis-settings.ts';
import type { TestServer } from '../support/server.ts';

const START_MS = 120_000;
const TEST_MS = 60_000;
const FILE_BYTES = 3_000_000;
/** Reaches this machine's loopback, and is not called so. */
const ANYWHERE = '0.0.0.0';

/** Known to no program; the certificate names addresses only, `localhost` not among them. */
const authority = makeAuthority();
const stranger = makeAuthority();
const certificate = authority.issue('IP:127.0.0.1', `IP:${ANYWHERE}`);

interface TlsRedis extends TestRedis {
  readonly tlsPort: number;
}

async function startTlsRedis(password: string): Promise<TlsRedis> {
  const tlsPort = await freePort();
  const files = { '--tls-cert-file': certificate.certPath, '--tls-key-file': certificate.keyPath };
  const authorityFile = { '--tls-ca-cert-file': authority.certPath, '--tls-auth-clients': 'no' };
  const args = Object.entries({ '--tls-port': String(tlsPort), ...files, ...authorityFile }).flat();
  return { ...(await startRedis({ password, args })), tlsPort };
}

let postgres: OwnPostgres;
/** The first asks nobody for a password. */
let redis: TlsRedis;
let bus: TlsRedis;
let nats: TestNats;
/** For those that do not start. */
let database: string;

beforeAll(async () => {
  [postgres, redis, bus, nats] = await Promise.all([
    startOwnPostgres({ certificate }),
    startTlsRedis(''),
    startTlsRedis('pw'),
    startNats({ user: 'u', password: 'pw', certificate }),
  ]);
  database = await postgres.createDatabase();
}, START_MS);

const verified = (url: string, rootCertificate: string | null = authority.certPath): string => {
  const address = new URL(url);
  address.searchParams.set('sslmode', 'verify-full');
  if (rootCertificate !== null) address.searchParams.set('sslrootcert', rootCertificate);
  return address.href;
};

const busAt = {
  rediss: () => `rediss://:pw@127.0.0.1:${bus.tlsPort}`,
  tls: () => `tls://u:pw@127.0.0.1:${nats.port}`,
};

/** Nodes that are told of the authority. */
const startNodes = (what: {
  nodes: number;
  transporter: string;
  url: string;
  env?: Record<string, string>;
}): Promise<TestCluster> =>
  startCluster({
    nodes: what.nodes,
    redis,
    postgres: { createDatabase: async () => what.url },
    env: { TRANSPORTER: what.transporter, NODE_EXTRA_CA_CERTS: authority.certPath, ...what.env },
  });

/** Whether the connections of nodes to this database use TLS. */
async function connectionsTo(url: string): Promise<{ readonly ssl: boolean }[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE application_name LIKE 'peerlink%' AND datname = current_database()`,
    );
    return rows as { ssl: boolean }[];
  } finally {
    await client.end();
  }
}

describe('two nodes with servers whose certificates come from an authority in NODE_EXTRA_CA_CERTS', () => {
  it.each(['rediss', 'tls'] as const)(
    'find each other over %s:// and keep all in a PostgreSQL that is verified in full',
    async (scheme) => {
      const url = await postgres.createDatabase();
      const known = scheme === 'rediss' ? authority.certPath : null;
      const env = scheme === 'rediss' ? { REDIS_TLS: 'true', REDIS_PORT: String(redis.tlsPort) } : {};
      const cluster = await startNodes({ nodes: 2, transporter: busAt[scheme](), url: verified(url, known), env });
      const [first, second] = cluster.nodes as [TestServer, TestServer];
      const bytes = randomBytes(FILE_BYTES);
      expect((await getFile(second, await putFile(first, bytes))).equals(bytes)).toBe(true);
      expect(await connectionsTo(url)).toEqual([{ ssl: true }]);
      if (scheme === 'tls') return;
      const lines = String(await bus.command('CLIENT', 'LIST')).split('\n');
      const ofBus = lines.filter((line) => line.includes(' name=peerlink-bus'));
      expect(ofBus).toHaveLength(2 * cluster.nodes.length);
      for (const line of ofBus) expect(line).toContain(` laddr=127.0.0.1:${bus.tlsPort} `);
      const own = String(await redis.command('CLIENT', 'LIST'))
        .split('\n')
        .filter((line) => line.includes(' name=peerlink'));
      expect(own.length).toBeGreaterThanOrEqual(cluster.nodes.length);
      for (const line of own) expect(line).toContain(` laddr=127.0.0.1:${redis.tlsPort} `);
    },
    TEST_MS,
  );
});

const NOT_ACCEPTED = 'shows a certificate that is not accepted';
const byName = (url: string) => url.replace('127.0.0.1', 'localhost');

/** What is said of it, without its port. */
const refusal = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'taken',
    (fault: Error) => fault.message.replace(/:\d{4,5} /g, ':PORT '),
  );

describe('a server is refused, and it is said why,', () => {
  // This process knows the authority of none of them.
  const opened = (transporter: string) => {
    const bus = { transporter, isInsecureAllowed: false };
    const config = { isCluster: true, redis: redisSettings({ port: redis.port }), bus };
    const log = pino({ level: 'silent' });
    return openBus({ config, nodeId: 'n1', secret: Buffer.alloc(32), clock: systemClock, log });
  };
  const openedDatabase = async (url: string) => {
    const log = { info: () => undefined, warn: () => undefined };
    await (await openDatabase({ url, directory: '', log })).close();
  };

  it('when its authority is not known', async () => {
    expect(await refusal(opened(busAt.rediss()))).toContain(
      `TRANSPORTER: Redis at 127.0.0.1:PORT ${NOT_ACCEPTED} (self`,
    );
    expect(await refusal(opened(busAt.tls()))).toContain(`TRANSPORTER: NATS at 127.0.0.1:PORT ${NOT_ACCEPTED} (unable`);
    for (const known of [null, stranger.certPath]) {
      expect(await refusal(openedDatabase(verified(database, known)))).toContain(
        `DATABASE_URL: PostgreSQL at 127.0.0.1:PORT ${NOT_ACCEPTED} (unable`,
      );
    }
  });

  it(
    'when its certificate names another address',
    async () => {
      expect(await refusal(openedDatabase(verified(database)))).toBe('taken');
      expect(await refusal(openedDatabase(byName(verified(database))))).toContain(
        `DATABASE_URL: PostgreSQL at localhost:PORT ${NOT_ACCEPTED} (Hostname`,
      );
      const ofNodes = [busAt.rediss(), busAt.tls()].map((transporter) =>
        refusal(startNodes({ nodes: 1, transporter: byName(transporter), url: database })),
      );
      expect(await Promise.all(ofNodes)).toEqual([
        expect.stringContaining(`TRANSPORTER: Redis at localhost:PORT ${NOT_ACCEPTED} (Hostname`),
        expect.stringContaining(`TRANSPORTER: NATS at localhost:PORT ${NOT_ACCEPTED} (Hostname`),
      ]);
    },
    TEST_MS,
  );

  it(
    'when it has TLS and no password and is not on this machine',
    async () => {
      const transporter = `rediss://${ANYWHERE}:${redis.tlsPort}`;
      expect(await refusal(startNodes({ nodes: 1, transporter, url: database }))).toContain(
        'TRANSPORTER: this Redis is not on this machine and asks for no password',
      );
    },
    TEST_MS,
  );

  it('when it does not speak TLS, refuses the password, or sslrootcert is no file', async () => {
    const plain = await startNats({ user: 'u', password: 'pw' });
    expect(await refusal(opened(plain.url.replace('nats:', 'tls:')))).toMatch(
      /^TRANSPORTER: NATS at .* does not offer TLS$/,
    );
    expect(await refusal(opened(plain.url.replace(':pw', ':other')))).toMatch(/refuses this user or password$/);
    expect(await refusal(openedDatabase(verified(database, '/no/such/file')))).toMatch(
      /^DATABASE_URL: a file that it names cannot be read \(ENOENT/,
    );
  });
});
