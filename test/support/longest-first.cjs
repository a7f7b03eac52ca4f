const { createRequire } = require('node:module');

// Jest's own, as Jest itself finds it.
const { default: Sequencer } = createRequire(require.resolve('jest'))('@jest/test-sequencer');

/**
 * Suites that take long however small their files are. Where Jest has not run them before, it knows no more of a suite
 * than the size of its file, and a long one that begins last is what everybody waits for.
 */
const LONG = [
  /test\/contract\/transfer\/moving-files/,
  /test\/model\/schedules/,
  /test\/contract\/edge\/database-away/,
  /test\/contract\/transfer\/survival/,
  /test\/contract\/protocol-client/,
  /test\/contract\/edge\//,
  // A minute of it is waiting for a node that does not come back.
  /test\/cluster\/home-gone/,
];

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const known = super.sort(tests);
    // By what they took, once all did run.
    if (known.every((test) => test.duration !== undefined)) return known;
    const rankOf = (test) => {
      const index = LONG.findIndex((name) => name.test(test.path));
      return index === -1 ? LONG.length : index;
    };
    return [...known].sort((a, b) => rankOf(a) - rankOf(b));
  }
};
