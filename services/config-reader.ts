import { resolve } from 'node:path';
import { VARIABLES, type Variable, type VariableName } from './config-variables.ts';
import type { SettingReader } from './kernel/setting-values.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a configuration depends on besides the environment. */
export interface Machine {
  readonly rootDirectory: string;
  readonly hostname: string;
  /** Throws when the file cannot be read. */
  readonly readTextFile: (path: string) => string;
}

export type Reader = ReturnType<typeof createReader>;

/** Reads variables one by one. @param faults is given a sentence for each that is wrong, which begins with its name */
export function createReader(env: Environment, machine: Machine, faults: string[]) {
  /** An empty value is an absent one: `docker compose` passes unset variables so. */
  const textOf = (name: VariableName): string | null => env[name]?.trim() || null;

  function parse<T>(name: VariableName, text: string, reader: SettingReader<T>): T | undefined {
    const reading = reader(text);
    if (reading.ok) return reading.value;
    const entry: Variable = VARIABLES[name];
    faults.push(`${name} ${reading.wanted}${entry.isSecret === true ? '' : `, found ${quoted(text)}`}`);
    return undefined;
  }

  /** The value of the environment, else of `fallback` when given, else of the variable's default text. */
  function value<T, F = never>(name: VariableName, reader: SettingReader<T>, ...fallback: [] | [F]): T | F {
    const text = textOf(name);
    const preset: Variable = VARIABLES[name];
    const presetValue = (): T | F => {
      if (fallback.length === 1) return fallback[0];
      const reading = reader(preset.default ?? '');
      if (!reading.ok) throw new TypeError(`the default of ${name} ${reading.wanted}`);
      return reading.value;
    };
    if (text === null) return presetValue();
    return parse(name, text, reader) ?? presetValue();
  }

  /** A secret, from its variable or from the file that the other variable names; not both. */
  function secretText(name: VariableName, fileName: VariableName, reader: SettingReader<string>): string | null {
    const direct = textOf(name);
    const path = textOf(fileName);
    if (direct !== null && path !== null) faults.push(`${fileName} must not be given together with ${name}`);
    if (path === null) return direct === null ? null : (parse(name, direct, reader) ?? null);
    try {
      const text = machine.readTextFile(resolve(machine.rootDirectory, path)).trim();
      const reading = reader(text);
      if (reading.ok) return reading.value;
      faults.push(`${fileName} names a file whose text ${reading.wanted}`);
    } catch {
      faults.push(`${fileName} must name a file that can be read, found ${quoted(path)}`);
    }
    return null;
  }

  return { value, secretText, isGiven: (name: VariableName) => textOf(name) !== null };
}

/** At most 80 characters and no control characters, so that a fault stays one readable line. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
