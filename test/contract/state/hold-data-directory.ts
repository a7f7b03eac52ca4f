import { loadNetIo } from '../../../native/index.ts';
import { takeDataDirectory } from '../../../services/database/data-directory.ts';

/**
 * Takes a data directory and keeps it until it is killed. Prints `taken <path>`, or the refusal and exits with 1.
 * Arguments: directory, `single` or `many`, `native` or `fallback`.
 */
async function hold(): Promise<void> {
  const [directory, slots, implementation] = process.argv.slice(2);
  const netIo = loadNetIo({ useNative: implementation === 'native' });
  // A test that wants the flock must not pass on sockets alone.
  if (netIo.kernels().implementation !== implementation) throw new Error(`net_io is not ${implementation}`);
  try {
    const taken = await takeDataDirectory({
      directory: String(directory),
      slots: slots === 'many' ? 'many' : 'single',
      netIo,
    });
    console.log(`taken ${taken.path}`);
    setInterval(() => undefined, 1_000);
  } catch (fault) {
    console.log(fault instanceof Error ? fault.message : String(fault));
    process.exitCode = 1;
  }
}

void hold();
