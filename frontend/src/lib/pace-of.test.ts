import { describe, expect, it } from '@jest/globals';
import { parseEnv } from '../config/parse-env.ts';
import { paceOf } from './pace-of.ts';

const PAGE = 'https://page.example';

describe('the pace of an upload', () => {
  it('is what the server says, else its defaults', () => {
    const config = parseEnv({ DEV: false });
    expect(paceOf(config, { ackTimeoutMs: 1_234, maxRetries: 7 }, PAGE, null)).toMatchObject({
      ackTimeoutMs: 1_234,
      maxRetries: 7,
    });
    expect(paceOf(config, null, PAGE, null)).toMatchObject({ ackTimeoutMs: 10_000, maxRetries: 3 });
  });

  it('goes by the settings of the build', () => {
    const usual = paceOf(parseEnv({ DEV: false }), null, PAGE, null);
    expect(usual.nodes.settings).toMatchObject({ usesCluster: false, ownAddress: '', ownOrigin: PAGE });
    const built = parseEnv({
      DEV: false,
      VITE_BACKEND_URL: 'https://api.example/',
      VITE_USE_CLUSTER: 'true',
      VITE_CLUSTER_NODES: 'https://a.example,https://b.example',
      VITE_UPLOAD_CONCURRENCY: '5',
    });
    expect(paceOf(built, null, PAGE, null)).toMatchObject({
      window: 5,
      nodes: {
        settings: {
          usesCluster: true,
          ownAddress: 'https://api.example',
          ownOrigin: 'https://api.example',
          seeds: ['https://a.example', 'https://b.example'],
        },
      },
    });
  });
});
