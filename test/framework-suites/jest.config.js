import config from '../../jest.config.js'

/** `npm run framework-suites`. */
export default {
  ...config,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/framework-suites/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
}
