/**
 * What a bound on requests in flight does under overload: the latency of what is served, and of what is refused, at one
 * and at three times the capacity, with and without the bound. `node bench/overload/run.js`, after `npm run build`.
 * ROUNDS and SECONDS in the environment change how long it takes.
 *
 * The load is open: requests are sent when they are due, whatever has become of the others, as many clients do who know
 * nothing of each other. Latency counts from the moment at which a request was due. They come over connections that are
 * open already, as from a balancer: a busy event loop accepts new ones slowly, bound or not.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { fileURLToPath } from 'node:url'

const { ROUNDS = '5', SECONDS = '5' } = process.env
const CONNECTIONS = 512
const server = fileURLToPath(new URL('server.js', import.meta.url))

function ask(port, agent, due = performance.now()) {
  return new Promise(resolve => {
    const done = status => resolve({ status, latency: performance.now() - due })
    const req = get({ port, host: '127.0.0.1', agent }, res => res.resume().on('end', () => done(res.statusCode)))
    req.on('error', error => done(error.code))
  })
}

/** Requests a second that a few clients get through, each waiting for its answer. */
async function capacity(port, agent, seconds) {
  const end = performance.now() + seconds * 1000
  let count = 0
  const client = async () => {
    for (; performance.now() < end; count++) await ask(port, agent)
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return count / seconds
}

async function load(port, agent, rate, seconds) {
  const start = performance.now()
  const answers = []
  for (let sent = 0; sent < rate * seconds; ) {
    const due = Math.min(rate * seconds, ((performance.now() - start) * rate) / 1000)
    for (; sent < due; sent++) answers.push(ask(port, agent, start + (sent * 1000) / rate))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const all = await Promise.all(answers)
  return { answers: all, elapsed: (performance.now() - start) / 1000 }
}

/** Per second, and the quantiles of their latency. */
function summary(answers, status, elapsed) {
  const latencies = answers.filter(answer => answer.status === status).map(({ latency }) => latency)
  latencies.sort((a, b) => a - b)
  return [latencies.length / elapsed, ...[0.5, 0.99, 1].map(q => latencies[Math.ceil(q * latencies.length) - 1])]
}

async function measure(how, times) {
  const child = fork(server, [how])
  const [port] = await once(child, 'message')
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, agent)))
  await capacity(port, agent, 1) // warm-up
  const rate = (await capacity(port, agent, 2)) * times
  const { answers, elapsed } = await load(port, agent, rate, Number(SECONDS))
  agent.destroy()
  child.kill()
  await once(child, 'exit')
  const failed = answers.find(({ status }) => status !== 200 && status !== 503)
  if (failed !== undefined) throw new Error(`a request failed: ${failed.status}`)
  return [...summary(answers, 200, elapsed), ...summary(answers, 503, elapsed)]
}

function column(values) {
  const sorted = values.filter(value => value !== undefined).toSorted((a, b) => a - b)
  if (sorted.length < values.length) return '-'
  const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map(at => sorted[at].toFixed(0))
  return `${median} (${least} to ${most})`
}

console.log(`node ${process.version}, ${ROUNDS} rounds of ${SECONDS} s\n`)
console.log('| | load, of capacity | served/s | p50 ms | p99 ms | max ms | refused/s | p50 ms | p99 ms | max ms |')
console.log('|---|---|---|---|---|---|---|---|---|---|')
const loads = ['unbounded', 'bounded'].flatMap(how => [0.9, 3].map(times => ({ how, times, runs: [] })))
for (let round = 1; round <= Number(ROUNDS); round++) {
  for (const { how, times, runs } of loads) {
    runs.push(await measure(how, times))
    process.stderr.write(`round ${round} of ${ROUNDS}, ${how}, ${times}    \r`)
  }
}
for (const { how, times, runs } of loads) {
  const cells = runs[0].map((_, at) => column(runs.map(run => run[at])))
  console.log(`| ${how} | ${times} | ${cells.join(' | ')} |`)
}
