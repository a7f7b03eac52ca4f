import { describe, expect, it } from '@jest/globals';
import { startServer } from '../../support/server.ts';
import { ask, askJson } from './edge-client.ts';

const TOKEN = 'the-operator-of-this-test';
const BYTES = 'abc';
const OPERATOR = '/api/operator/overview';

/** What docs/OPERATIONS.md says of another CLUSTER_SECRET. */
describe('a node that gets another CLUSTER_SECRET', () => {
  it('keeps links, sessions, upload tokens and the operator’s token; grants must be obtained again', async () => {
    const env = (CLUSTER_SECRET: string) => ({ CLUSTER_SECRET, ADMIN_TOKEN: TOKEN });
    const before = await startServer({ env: env('the first secret of this test') });
    const link = new URL((await ask(before.url, '/a.txt', { method: 'PUT', body: BYTES })).body.trim()).pathname;
    const Cookie = (await ask(before.url, '/api/session', { method: 'POST' })).cookie;
    const files = [{ path: 'a.txt', sizeBytes: BYTES.length }];
    const opened = await askJson(before.url, 'POST', '/api/transfers', { files, password: 'pass word' });
    const { transfer, uploadToken } = opened.json<{ transfer: { id: string; shareId: string }; uploadToken: string }>();
    const grantAddress = `/api/shares/${transfer.shareId}/grant`;
    const grantOf = async (url: string) =>
      (await askJson(url, 'POST', grantAddress, { password: 'pass word' })).json<{ grant: string }>().grant;
    const filesShown = async (url: string, grant: string) => {
      const headers = { Authorization: `Bearer ${grant}` };
      return (await ask(url, `/api/shares/${transfer.shareId}`, { headers })).json<{ files: unknown[] }>().files.length;
    };
    const oldGrant = await grantOf(before.url);
    expect(await filesShown(before.url, oldGrant)).toBe(1);
    await before.stop();

    const { url } = await startServer({
      env: env('the next secret of this test'),
      dataDirectory: before.dataDirectory,
    });
    expect((await ask(url, link)).body).toBe(BYTES);
    expect((await ask(url, '/api/session', { headers: { Cookie } })).status).toBe(200);
    expect((await ask(url, OPERATOR, { headers: { Authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
    const headers = { Authorization: `Bearer ${uploadToken}` };
    const put = await ask(url, `/api/transfers/${transfer.id}/files/0?offset=0`, {
      method: 'PUT',
      headers,
      body: BYTES,
    });
    expect(put.json()).toMatchObject({ state: 'sealed' });
    expect(await filesShown(url, oldGrant)).toBe(0);
    expect(await filesShown(url, await grantOf(url))).toBe(1);
  }, 240_000);
});
