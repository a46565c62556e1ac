// Runs the TypeScript sources directly (swc strips the types); see docs/decisions/0003-test-runner.md.
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^weir$': '<rootDir>/src/index.ts',
    '^weir/detect$': '<rootDir>/src/detect/index.ts',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' },
    ],
  },
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
  testSequencer: '<rootDir>/test/support/sequencer.js',
  testTimeout: 30_000,
  // Modules of finished suites are never freed: a worker that has grown too large is replaced.
  workerIdleMemoryLimit: '1GB',
};
