/** What is used of the heap when everything has been collected that can be. Needs `--expose-gc`. */
export function heapUsed() {
  // The first collection only marks what finalisers hold as free.
  gc()
  gc()
  return process.memoryUsage().heapUsed
}
