import { relative } from 'node:path'

const SHOWN = 20

/** A jest reporter: lists the slowest files of the run. */
export default class SlowestFiles {
  onRunComplete(_contexts, { testResults }) {
    const files = testResults
      .map(({ testFilePath, perfStats }) => ({ file: relative(process.cwd(), testFilePath), ms: perfStats.runtime }))
      .sort((a, b) => b.ms - a.ms)
    console.log(`\nThe slowest ${Math.min(SHOWN, files.length)} of ${files.length} files:`)
    for (const { file, ms } of files.slice(0, SHOWN)) console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${file}`)
  }
}
