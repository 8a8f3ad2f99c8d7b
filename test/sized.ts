/**
 * Tests that prove something by its size (a gigabyte, ten thousand connections) run small in `npm test` and in full in
 * `npm run test:full`, where jest.full.config.js sets TEST_SIZE.
 */
export const full = process.env.TEST_SIZE === 'full'

/** The first number in `npm test`, the second in `npm run test:full`. */
export function sized(small: number, inFull: number): number {
  return full ? inFull : small
}
