import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const APT_GET = '/usr/bin/apt-get';
const INSTALL_DEADLINE_MS = 300_000;
const LOOK_DEADLINE_MS = 10_000;

/** Whether `program --version` runs. */
function isOnPath(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'pipe', timeout: LOOK_DEADLINE_MS });
    return true;
  } catch {
    return false;
  }
}

/**
 * Installs Debian's package. @throws an error that names what is missing and what to do about it
 * @param wanted the program in words, for the message
 */
export function installPackage(debianPackage: string, wanted: string): void {
  if (process.getuid?.() !== 0 || !existsSync(APT_GET)) {
    throw new Error(`${wanted} is not on this machine: install it`);
  }
  try {
    const options = { stdio: 'pipe' as const, timeout: INSTALL_DEADLINE_MS };
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = ['-o', 'DPkg::Lock::Timeout=240', '-qq'];
    execFileSync(APT_GET, [...apt, 'update'], { ...options, env });
    execFileSync(APT_GET, [...apt, 'install', '-y', '--no-install-recommends', debianPackage], { ...options, env });
  } catch (cause) {
    throw new Error(`${wanted} is not on this machine and apt-get could not install it`, { cause });
  }
}

/** The program's name, once it is there. @throws see installPackage */
export function ensureProgram(program: string, debianPackage: string, wanted: string): string {
  if (isOnPath(program)) return program;
  installPackage(debianPackage, wanted);
  if (isOnPath(program)) return program;
  throw new Error(`${wanted} is not what apt-get installed`);
}
