import config from './jest.config.js'

// Workers, and the programs that tests start, inherit it.
process.env.TEST_SIZE = 'full'

/** The suite in full: what is sized for proof at its whole size. At the end the slowest files are listed. */
export default { ...config, reporters: ['default', '<rootDir>/test/slowest-files.js'] }
