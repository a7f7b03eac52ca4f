import { type FrontendConfig, parseEnv } from './parse-env.ts';

/** The only reader of import.meta.env. */
export const config: FrontendConfig = parseEnv(import.meta.env);
