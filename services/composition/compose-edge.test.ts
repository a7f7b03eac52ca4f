import type { IncomingMessage } from 'node:http';
import { expect, it } from '@jest/globals';
import { loadConfig } from '../config.ts';
import { createLogger } from '../logging.ts';
import { composeEdge } from './compose-edge.ts';
import type { NodeCore } from './node-core.ts';

it('shows nobody of a network to a page whose name a stranger may have made to lead here, and warns once', async () => {
  const outcome = loadConfig(
    {},
    {
      rootDirectory: '/nowhere',
      hostname: 'box',
      readTextFile: () => {
        throw new Error('there is none');
      },
    },
  );
  if (!outcome.ok) throw new Error('the defaults are wrong');
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
  const core = { config: outcome.config, log, clusterId: 'c', redis: null, onFault: () => undefined };
  const { localRoom } = composeEdge(core as unknown as NodeCore, { isServing: true, port: 5000 });
  const roomOf = (host: string) => {
    const headers = { host, origin: `http://${host}` };
    return localRoom({ headers, socket: { remoteAddress: '198.51.100.7' } } as unknown as IncomingMessage);
  };
  expect(await roomOf('192.168.1.5:5000')).toBe('net:c6336407/32');
  expect([await roomOf('evil.example:5000'), await roomOf('evil.example:5000')]).toEqual([null, null]);
  expect(lines.filter((line) => line.includes('PUBLIC_URL'))).toHaveLength(1);
});
