// nginx as a download server (sendfile) and an upload server (WebDAV PUT), started in the foreground on a free port.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the configuration and answers the arguments to start nginx with. */
export function nginxArguments(folder, directory, port) {
  for (const name of ['logs', 'body', 'temp']) mkdirSync(join(folder, name), { recursive: true });
  const path = join(folder, 'nginx.conf');
  const temp = ['proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, 'temp')};`);
  writeFileSync(
    path,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes auto;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')};
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path ${join(folder, 'body')};
  client_body_buffer_size 1m;
  ${temp.join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    root ${directory};
    location / {
      dav_methods PUT DELETE;
      create_full_put_path on;
    }
  }
}
`,
  );
  return ['-p', folder, '-c', path, '-e', join(folder, 'error.log')];
}
