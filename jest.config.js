/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  maxWorkers: '100%',
  // Workers keep of each file what they can, and collect garbage ever longer: above this they begin anew.
  workerIdleMemoryLimit: '512MB',
  setupFiles: ['<rootDir>/test/storages.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/warnings.ts'],
  // For what hangs. On a busy machine the slowest tests take many times their usual two seconds.
  testTimeout: 60_000,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // They want sources of others: `npm run framework-suites`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/framework-suites/'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // Sources name their imports as Node loads them (`./loop.js`); here they are still TypeScript.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
}
