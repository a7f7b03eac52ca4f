import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackage } from './apt.ts';
import { tempDirectory } from './cleanup.ts';

/** A server's key and certificate, as files and as text. */
export interface TestCertificate {
  readonly keyPath: string;
  readonly certPath: string;
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority of the test's own, which no program trusts until it is told to. */
export interface TestAuthority {
  readonly certPath: string;
  /** @param names `IP:127.0.0.1`, `DNS:localhost` */
  issue(...names: readonly string[]): TestCertificate;
}

const KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

export function makeAuthority(): TestAuthority {
  const folder = tempDirectory('authority');
  const file = (name: string) => join(folder, name);
  const openssl = (line: string) => execFileSync(openSsl(), line.split(' '), { stdio: 'pipe' });
  const [caKey, caCert] = [file('ca.key'), file('ca.crt')];
  openssl(`req -x509 ${KEY} -keyout ${caKey} -out ${caCert} -days 2 -subj /CN=authority-of-a-test`);
  let count = 0;
  return {
    certPath: caCert,
    issue: (...names) => {
      count += 1;
      const [keyPath, certPath] = [file(`${count}.key`), file(`${count}.crt`)];
      openssl(
        `req -x509 ${KEY} -keyout ${keyPath} -out ${certPath} -CA ${caCert} -CAkey ${caKey} -days 2 -subj /CN=server ` +
          `-addext subjectAltName=${names.join()} -addext basicConstraints=critical,CA:FALSE`,
      );
      return { keyPath, certPath, key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') };
    },
  };
}

function openSsl(): string {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
  } catch {
    installPackage('openssl', 'OpenSSL');
  }
  return 'openssl';
}
