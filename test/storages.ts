/**
 * Before Node 24 every promise that is made costs something for each AsyncLocalStorage that was ever entered. Each test file
 * has its own copy of the core, and so of its storages; those of the files before, in this worker, are disabled here.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

type Storages = Set<AsyncLocalStorage<unknown>>

// Modules of Node are the same in all files.
const { prototype }: { prototype: AsyncLocalStorage<unknown> & { entered?: Storages } } = AsyncLocalStorage
prototype.entered ??= watched(new Set())
for (const storage of prototype.entered) storage.disable()
prototype.entered.clear()

function watched(entered: Storages): Storages {
  const { run } = prototype
  prototype.run = function (this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
    entered.add(this)
    return Reflect.apply(run, this, args)
  } as typeof run
  return entered
}
