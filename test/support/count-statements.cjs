'use strict';

const { PGlite } = require('@electric-sql/pglite');

/**
 * Loaded before anything else of a process (NODE_OPTIONS=--require), it counts what the embedded database of that process is
 * asked, and prints the count at each SIGUSR2.
 */
let count = 0;

/** A statement, or the beginning of a transaction; those within one are counted by themselves. */
function countCalls(of, name) {
  let owner = of;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  if (owner === null) throw new TypeError(`PGlite has no ${name}`);
  const original = owner[name];
  owner[name] = function counted(...given) {
    count += 1;
    return original.apply(this, given);
  };
}

countCalls(PGlite.prototype, 'query');
countCalls(PGlite.prototype, 'exec');
countCalls(PGlite.prototype, 'transaction');
process.on('SIGUSR2', () => process.stdout.write(`statements: ${count}\n`));
