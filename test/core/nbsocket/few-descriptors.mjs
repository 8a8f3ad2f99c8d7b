// An echo server for a process that may open few files; ends with its standard input.
const [, , library] = process.argv
const { listen } = await import(library)
const { go } = await import(new URL('../index.js', `file://${library}`).href)

const server = await listen({
  port: 0,
  host: '127.0.0.1',
  onError: error => console.log(error.systemCode),
})
const serving = go(() =>
  server.serve(function* (sock) {
    for (let got = yield* sock.recv(); got.length > 0; got = yield* sock.recv()) yield* sock.send(got)
  }),
)
console.log(server.port)
process.stdin.resume().on('end', async () => {
  await serving.kill()
  await server.close()
})
