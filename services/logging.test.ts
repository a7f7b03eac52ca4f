import { describe, expect, it } from '@jest/globals';
import { createLogger, withoutSecrets } from './logging.ts';

function capture() {
  const lines: string[] = [];
  const log = createLogger({
    level: 'trace',
    nodeId: 'n1',
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { log, lines };
}

describe('the log', () => {
  it('writes one JSON object a line, with the request id of its child', () => {
    const { log, lines } = capture();
    log.child({ requestId: 'r-1' }).info({ status: 200 }, 'request');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      nodeId: 'n1',
      requestId: 'r-1',
      status: 200,
      msg: 'request',
    });
  });

  it('shows no credential, wherever it stands', () => {
    const { log, lines } = capture();
    log.info({ token: 'hunter2', a: { uploadToken: 'hunter2', password: 'hunter2' } }, 'x');
    log.info({ headers: { authorization: 'Bearer hunter2', cookie: 'pl_c1=hunter2', 'set-cookie': 'hunter2' } }, 'x');
    log.info({ req: { headers: { authorization: 'hunter2', cookie: 'hunter2' } } }, 'x');
    log.info('GET /d/x?grant=hunter2&view=1');
    log.warn(
      { err: new Error('DELETE /api/transfers/x?token=hunter2 failed', { cause: new Error('Bearer hunter2') }) },
      'x',
    );
    log.error('cookie pl_0a1b-2c=hunter2; Authorization: Basic hunter2');
    log.info({ grant: 'hunter2', a: { ticket: 'hunter2', b: { secret: 'hunter2' } } }, 'x');
    log.info('?ticket=hunter2&password=hunter2');
    log.warn({ err: 'PUT /x?token=hunter2' }, 'x');
    expect(lines).toHaveLength(9);
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  it('keeps the rest of a text', () => {
    expect(withoutSecrets('a?token=x&b=2 c')).toBe('a?token=[secret]&b=2 c');
  });

  it('says of a fault its type, its cause and where it was', () => {
    const { log, lines } = capture();
    log.error(
      {
        err: Object.assign(new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'ENOSPC' }) }), {
          type: 'disk_full',
        }),
      },
      'x',
    );
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: { type: 'disk_full', message: 'outer', cause: { code: 'ENOSPC', message: 'inner' } },
    });
  });
});
