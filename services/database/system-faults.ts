/** The system's code of a fault, such as `ENOENT`. By its shape: tests run in a realm with an `Error` of its own. */
export function codeOf(fault: unknown): string | undefined {
  if (typeof fault !== 'object' || fault === null || !('code' in fault)) return undefined;
  return typeof fault.code === 'string' ? fault.code : undefined;
}
