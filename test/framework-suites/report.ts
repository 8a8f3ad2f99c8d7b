/** What came of one run of a suite. */
export interface Report {
  /** The names of the tests. */
  passed: string[]
  /** Why, by the name of the test. */
  failed: Record<string, string>
  /** The files that could not be loaded, and why: they want a package that is not installed. */
  unloaded: Record<string, string>
  /** How many hosts had not been closed at the end. */
  open: number
}
