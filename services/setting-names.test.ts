import { describe, expect, it } from '@jest/globals';
import { VARIABLES } from './config-variables.ts';
import { misspeltSettings } from './setting-names.ts';

const meantBy = (name: string) => misspeltSettings({ [name]: 'x' }).map(({ meant }) => meant);

describe('names that are no settings', () => {
  it.each([
    ['MAX_FILESIZE', 'MAX_FILE_SIZE'],
    ['max_file_size', 'MAX_FILE_SIZE'],
    ['TTL_SHARE_SESION', 'TTL_SHARE_SESSION'],
    ['TRUSTED_PROXY', 'TRUSTED_PROXIES'],
    ['NODE_HOST', null],
    ['PUBLIC_URI', 'PUBLIC_URL'],
    ['RATE_LIMIT_UPLOAD_PER_MINUTE', 'RATE_LIMIT_UPLOADS_PER_MINUTE'],
    ['NODE_PUBLIC-URL', 'NODE_PUBLIC_URL'],
  ])('%s was meant for %s', (name, meant) => {
    expect(meantBy(name)).toEqual(meant === null ? [] : [meant]);
  });

  it('are left alone when they are far from all of ours, or too short to say', () => {
    const others =
      'PATH HOME USER SHELL PWD PORTS REDIS_URL NODE_OPTIONS HOSTNAME COMPOSE_FILE PEERLINK_NODES VITE_CHUNK_SIZE';
    for (const name of others.split(' ')) expect(meantBy(name)).toEqual([]);
  });

  it('are never our own', () => {
    expect(misspeltSettings(Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, 'x'])))).toEqual([]);
  });
});
