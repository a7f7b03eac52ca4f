'use strict';

/**
 * Loaded before anything else of a process (NODE_OPTIONS=--require), it writes the path of each file and folder that the
 * process puts on the medium into the file TOLD_SYNCS, a line each, once it is there.
 */
const { appendFileSync, readlinkSync } = require('node:fs');
const { open } = require('node:fs/promises');

const told = process.env.TOLD_SYNCS;
if (told === undefined) throw new Error('TOLD_SYNCS names no file');

// The class of descriptors is told by one of them only; a server opens none before this is done.
void open('/dev/null').then(async (handle) => {
  const descriptors = Object.getPrototypeOf(handle);
  await handle.close();
  for (const how of ['datasync', 'sync']) {
    const real = descriptors[how];
    descriptors[how] = async function (...args) {
      const path = readlinkSync(`/proc/self/fd/${this.fd}`);
      await real.apply(this, args);
      appendFileSync(told, `${path}\n`);
    };
  }
});
