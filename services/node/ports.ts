import type { Measurements } from './health.ts';

/** Measures this process and machine. Each call begins a new window for the event loop's figures. */
export interface SystemProbe {
  measure(): Promise<Measurements>;
  uptimeSeconds(): number;
  close(): void;
}
