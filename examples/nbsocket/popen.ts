// A command of the shell as a file: counts the words of its arguments, each line as it is written.
import { main, timeout } from 'syncless'
import { exec, popen } from 'syncless/nbsocket'

await main(function* () {
  // What is written to the file the command reads; what it writes is read from the file.
  const counter = yield* popen('while read -r line; do echo "$line" | wc -w; done')
  for (const line of process.argv.slice(2)) {
    yield* counter.write(`${line}\n`)
    console.log(`${(yield* timeout(5000, counter.readLine())).trim()} words in: ${line}`)
  }
  yield* counter.close()
  const { code, signal } = yield* counter.exit
  console.log('the command ended', code, signal)

  // What comes from outside is an argument of a program, and never a part of a command.
  const { stdout } = yield* exec('printf', ['%s\n', '$(this is no command); nor is "this"'])
  console.log(stdout.trim())
}) // a command that still ran would be terminated here
