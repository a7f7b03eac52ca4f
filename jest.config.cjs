// Packages that ship only ES modules: Jest runs CommonJS here, so these are transformed like our own code.
const ESM_ONLY_PACKAGES = ['@noble', 'uqr', '@prisma/schema-engine-wasm', 'lucide-react'];

const swcOptions = (isTsx) => ({
  sourceMaps: 'inline',
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', tsx: isTsx },
    transform: { react: { runtime: 'automatic' } },
  },
  // As `tsc` does: `import()` stays a dynamic import, so that what runs in tests is what runs in dist.
  module: { type: 'commonjs', ignoreDynamic: true },
});

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: [
    '<rootDir>/services/**/*.test.ts',
    '<rootDir>/native/**/*.test.ts',
    '<rootDir>/frontend/src/**/*.test.{ts,tsx}',
    '<rootDir>/test/**/*.{test,spec}.ts',
  ],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/native/build/'],
  // dist holds copies of every module.
  modulePathIgnorePatterns: [
    '<rootDir>/dist/',
    '<rootDir>/frontend/dist/',
    '<rootDir>/native/build/',
    '<rootDir>/native/dist/',
    '<rootDir>/data/',
  ],
  moduleFileExtensions: ['ts', 'tsx', 'mjs', 'js', 'cjs', 'json', 'node'],
  transform: {
    '\\.(ts|mjs|js)$': ['@swc/jest', swcOptions(false)],
    '\\.tsx$': ['@swc/jest', swcOptions(true)],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${ESM_ONLY_PACKAGES.join('|')})/)`],
  // A look at a global of the sandbox costs a hundred times one outside: these two are asked in the inmost loops.
  sandboxInjectedGlobals: ['Math', 'Number'],
  testSequencer: '<rootDir>/test/support/longest-first.cjs',
  maxWorkers: 2,
  testTimeout: 20_000,
};
