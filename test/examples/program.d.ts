import { type ChildProcess } from 'node:child_process'
/** A program of examples/ in a process of its own. */
export declare class Program implements AsyncDisposable {
  readonly child: ChildProcess
  output: string
  constructor(name: string, args?: readonly string[])
  /** Waits until the program has printed something that matches; fails if it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** The address it says it listens on. */
  url(): Promise<string>
  /** Its exit code, when it has ended. */
  ended(): Promise<number | null>
  [Symbol.asyncDispose](): Promise<void>
}
