import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import nodeGypBuild from 'node-gyp-build';
import { INTERFACE_NUMBER, type NativeBinding } from './binding.ts';
import { createFallbackNetIo } from './fallback/fallback-net-io.ts';
import { createNativeNetIo } from './native-net-io.ts';
import type { KernelName, NetIo } from './types.ts';

export type { Hasher, KernelName, KernelReport, NetIo } from './types.ts';

export interface LoadNetIoOptions {
  /** False: the TypeScript fallback, whatever there is. */
  readonly useNative: boolean;
  /** Run on this kernel instead of the fastest; `typescript` is the fallback. Throws when it is not available. */
  readonly kernel?: string;
}

/** A binary that was built from other sources than this code, in one sentence for whoever starts it. */
export class StaleBinaryError extends Error {
  override readonly name = 'StaleBinaryError';
}

/**
 * net_io, native where a binary for this machine is there, else the fallback; `kernels()` says which and why.
 * Only the absence of a binary leads to the fallback: one that is there and does not load is thrown.
 */
export function loadNetIo(options: LoadNetIoOptions): NetIo {
  if (!options.useNative) return fallback('the native addon is switched off', options.kernel);
  if (options.kernel === 'typescript') return fallback('the kernel "typescript" was asked for', undefined);
  const folder = packageFolder();
  // A package that cannot be found is no missing binary, it is a mistake in how the product is put together.
  if (folder === undefined) throw new Error(`the package net_io was not found from ${__dirname} upwards`);
  const binaryPath = findBinary(folder);
  if (binaryPath === undefined) {
    return fallback(`no binary of net_io for ${process.platform}-${process.arch} was found`, options.kernel);
  }
  const netIo = createNativeNetIo(loadBinding(binaryPath));
  if (options.kernel !== undefined) selectKernel(netIo, options.kernel);
  return netIo;
}

/** @throws StaleBinaryError, or what the system says of a file that it cannot load */
function loadBinding(binaryPath: string): NativeBinding {
  const binding = require(binaryPath) as NativeBinding;
  const found = (binding as Partial<NativeBinding>).interfaceNumber;
  if (found === INTERFACE_NUMBER) return binding;
  throw new StaleBinaryError(
    `${binaryPath} was built from other sources (interface ${found ?? 'none'}, ${INTERFACE_NUMBER} is wanted): ` +
      'run npm run build, or delete it to run on the TypeScript fallback',
  );
}

function fallback(reason: string, kernel: string | undefined): NetIo {
  const netIo = createFallbackNetIo(reason);
  if (kernel !== undefined) selectKernel(netIo, kernel);
  return netIo;
}

function selectKernel(netIo: NetIo, kernel: string): void {
  const { available } = netIo.kernels();
  if (!(available as readonly string[]).includes(kernel)) {
    throw new RangeError(`kernel "${kernel}" is not available here, only ${available.join(', ')}`);
  }
  netIo.useKernel(kernel as KernelName);
}

/** Built here (build/Release) or prebuilt (prebuilds/<platform>-<arch>), in this order. */
function findBinary(folder: string): string | undefined {
  try {
    return nodeGypBuild.resolve(folder);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('No native build was found')) return undefined;
    throw error;
  }
}

/**
 * The folder of the package net_io. This file may run from it (as source), from its dist/, or from the product's
 * dist/native/, where only the installed workspace tells where the package is.
 */
function packageFolder(): string | undefined {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (isPackageFolder(folder)) return folder;
    if (isPackageFolder(join(folder, 'native'))) return join(folder, 'native');
    if (isPackageFolder(join(folder, 'node_modules', 'net_io'))) return join(folder, 'node_modules', 'net_io');
  }
  return undefined;
}

function isPackageFolder(folder: string): boolean {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return false;
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'net_io';
}
