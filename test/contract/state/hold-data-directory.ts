import { takeDataDirectory } from '../../../services/database/data-directory.ts';

/** Takes a data directory and keeps it until it is killed. Prints `taken <path>`, or the refusal and exits with 1. */
async function hold(): Promise<void> {
  const [directory, slots] = process.argv.slice(2);
  const withoutAddon = {
    kernels: () => ({ implementation: 'fallback' as const, active: 'typescript' as const, available: [] }),
    lockFile: () => {
      throw new Error('the fallback has no flock');
    },
  };
  try {
    const taken = await takeDataDirectory({
      directory: String(directory),
      slots: slots === 'many' ? 'many' : 'single',
      netIo: withoutAddon,
    });
    console.log(`taken ${taken.path}`);
    setInterval(() => undefined, 1_000);
  } catch (fault) {
    console.log(fault instanceof Error ? fault.message : String(fault));
    process.exitCode = 1;
  }
}

void hold();
