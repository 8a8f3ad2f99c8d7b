import { assertOptions } from '../../base/arguments.js'
import type { Latched } from '../../loop/latched.js'
import type { Op } from '../../loop/op.js'
import { NbFile } from '../file/nbfile.js'
import { textForm } from '../file/reader-text.js'
import { type ExitStatus, Process } from './process.js'
import { limits, processOp, type SpawnProcessOptions } from './spawn.js'

/** A command of the shell as a file of text, made by {@link popen}. */
export class ProcessFile extends NbFile<string> {
  /** The shell that runs the command. */
  readonly process: Process

  /** @internal Use {@link popen}. */
  constructor(process: Process) {
    super(process.stdout.input, textForm('utf8'), process.stdin)
    this.process = process
  }

  /** The end of the command: settles when it has ended. */
  get exit(): Latched<ExitStatus> {
    return this.process.exit
  }
}

/**
 * Runs a command of the shell (`/bin/sh`). Reads of the file give the command's output; writes to the file are its
 * input, and `close()` ends the input. Its standard error is that of this process, unless `stderr` says something else.
 * The process starts as with `spawnProcess`, in a group of its own, so that everything the shell has started ends with
 * it.
 *
 * The command is a program: never put text from outside into it, but use `spawnProcess` or `exec` with arguments. Throws
 * `INVALID_ARGUMENT`; fails with `SPAWN_FAILED`. Semantics: Python's `os.popen`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { popen } from 'syncless/nbsocket'
 *
 * const words = await popen('tr " " "\\n" | sort')
 * await words.write('one two three')
 * await words.close()
 * const sorted: string[] = []
 * for await (const word of words) sorted.push(word)
 * assert.deepEqual(sorted, ['one', 'three', 'two'])
 * assert.equal((await words.exit).code, 0)
 * ```
 */
export function popen(command: string, options: Omit<SpawnProcessOptions, 'stdin' | 'stdout'> = {}): Op<ProcessFile> {
  assertOptions('popen()', options)
  const all: SpawnProcessOptions = { stderr: 'inherit', group: true, ...options, stdin: 'pipe', stdout: 'pipe' }
  const shell = processOp('/bin/sh', ['-c', command], all, child => new Process(child, command, limits(all)))
  return shell.map(started => new ProcessFile(started))
}
