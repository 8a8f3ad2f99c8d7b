/**
 * Runs programs one after another in this process: `node run-examples.js FILE...`. The next one begins when nothing of the one
 * before is left to do. Writes to file descriptor 3 the path of each program that ran to its end.
 */
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const files = process.argv.slice(2)
let running = null
let evaluated = false

process.on('beforeExit', next)
next()

function next() {
  if (running !== null) {
    // It waits at its top level for something that does not come, or says itself that it failed.
    if (!evaluated || process.exitCode) process.exit(1)
    writeSync(3, `${running}\n`)
  }
  running = files.shift() ?? null
  if (running === null) return
  evaluated = false
  // A program that does all in microtasks leaves nothing that would bring this event again.
  setImmediate(() => {})
  // What it throws ends the process.
  import(pathToFileURL(running).href).then(() => {
    evaluated = true
  })
}
