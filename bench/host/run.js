/**
 * What hosting costs: each kind of app bare and hosted, under wrk: requests per second, the 99th percentile of latency,
 * and the processor time of the server for one request, which the rest of the machine disturbs least.
 * `node bench/host/run.js [node ...]` with the Node binaries to compare; without, the one that runs this. Needs
 * `npm run build` and wrk (Debian: wrk). ROUNDS and SECONDS in the environment change how long it takes; ONLY picks
 * kinds by a part of their name.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const { ROUNDS = '7', SECONDS = '3', ONLY = '' } = process.env
const server = fileURLToPath(new URL('server.js', import.meta.url))
const all = ['plain', 'express', 'express, res.json()', 'express beside another app', 'express 4', 'fastify']
const kinds = all.filter(kind => kind.includes(ONLY))
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath]

async function measure(node, kind, how) {
  const child = fork(server, [kind, how], { execPath: node })
  const [port] = await once(child, 'message')
  const url = `http://127.0.0.1:${port}/`
  const wrk = seconds => execFileSync('wrk', ['-t1', '-c32', `-d${seconds}s`, '--latency', url], { encoding: 'utf8' })
  const used = async () => {
    child.send('used')
    return (await once(child, 'message'))[0]
  }
  wrk(1) // warm-up
  const before = await used()
  const report = wrk(SECONDS)
  const after = await used()
  child.kill()
  await once(child, 'exit')
  const [, errors] = /Non-2xx or 3xx responses: (\d+)/.exec(report) ?? []
  if (errors !== undefined) throw new Error(`${kind} ${how}: ${errors} requests failed`)
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(report)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(report)[1]),
    p99: p99 * { us: 1e-3, ms: 1, s: 1e3 }[unit],
    cpu: (after - before) / Number(/(\d+) requests in/.exec(report)[1]),
  }
}

const median = list => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]

function column(list, digits) {
  return `${median(list).toFixed(digits)} (${Math.min(...list).toFixed(digits)} to ${Math.max(...list).toFixed(digits)})`
}

for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  console.log(`\nnode ${version}, ${ROUNDS} rounds of ${SECONDS} s, hosted : bare\n`)
  console.log('| | requests/s, bare | hosted | ratio | p99 ms, bare | hosted | ratio | cpu us, bare | hosted | ratio |')
  console.log('|---|---|---|---|---|---|---|---|---|---|')
  for (const kind of kinds) {
    const runs = { bare: [], hosted: [] }
    for (let round = 1; round <= Number(ROUNDS); round++) {
      for (const how of round % 2 === 0 ? ['bare', 'hosted'] : ['hosted', 'bare']) {
        runs[how].push(await measure(node, kind, how))
        process.stderr.write(`${kind}: round ${round} of ${ROUNDS}    \r`)
      }
    }
    const cells = ['rate', 'p99', 'cpu'].flatMap(what => {
      const [bare, hosted] = ['bare', 'hosted'].map(how => runs[how].map(run => run[what]))
      const ratios = hosted.map((value, i) => value / bare[i])
      const digits = what === 'rate' ? 0 : 1
      return [column(bare, digits), column(hosted, digits), column(ratios, 2)]
    })
    console.log(`| ${kind} | ${cells.join(' | ')} |`)
  }
}
