/** The page: its connection to the server, its controls, and the panels around the graph and the chart. */

import { addAggregate } from './chart.js'
import { drawGraph, forgetRates } from './graph.js'
import { download, followFeed } from './streams.js'

const FEED_LENGTH = 12
const NOTICES = 30
/** Orders under way at once: a slow server slows the page down, rather than piling up requests in the browser. */
const ORDERS_AT_ONCE = 8
/** Milliseconds for which a refused order stays visible while others are accepted. */
const PROBLEM_STAYS = 2000

const PRICES = { apples: 240, bread: 380, cheese: 1190, coffee: 890, honey: 750, olives: 520, tea: 460 }

const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' })
const $ = id => document.getElementById(id)

/** An element with a text or with children, a space between each two, and attributes. */
function element(name, content, attributes = {}) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...[content].flat().flatMap((part, index) => (index === 0 ? [part] : [' ', part])))
  return made
}

function say(output, state, text) {
  output.dataset.state = state
  output.textContent = text
}

const describe = order => `${order.quantity} × ${order.product}`

// Orders

function randomOrder() {
  const products = Object.keys(PRICES)
  const product = products[Math.floor(Math.random() * products.length)]
  return { product, quantity: 1 + Math.floor(Math.random() * 5), price: PRICES[product] }
}

/** Posts an order; the answer as a text, and whether the order was accepted. */
async function post(order) {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch('/orders', { method: 'POST', headers, body: JSON.stringify(order) })
    const verdict = await response.json().catch(() => ({}))
    if (response.ok && verdict.ok) {
      return { ok: true, text: `${response.status}: order ${verdict.order.id} accepted, ${describe(verdict.order)}` }
    }
    const problem = verdict.problem ?? (response.status === 503 ? 'the server is busy' : response.statusText)
    return { ok: false, text: `${response.status}: ${problem}` }
  } catch (error) {
    return { ok: false, text: `No answer: ${error.message}` }
  }
}

async function postAndTell(order) {
  const { ok, text } = await post(order)
  say($('order-result'), ok ? 'ok' : 'bad', text)
}

let ordersUnderWay = 0
let ticking
let problemAt = 0

async function postOnTick() {
  if (!connected || ordersUnderWay >= ORDERS_AT_ONCE) return
  ordersUnderWay++
  const { ok, text } = await post(randomOrder())
  ordersUnderWay--
  if (!ok) {
    problemAt = performance.now()
    $('rate-problem').textContent = text
  } else if (performance.now() - problemAt > PROBLEM_STAYS) {
    $('rate-problem').textContent = ''
  }
}

function setRate() {
  const rate = $('rate').valueAsNumber
  $('rate-value').textContent = String(rate)
  clearInterval(ticking)
  $('rate-problem').textContent = ''
  if (rate > 0) ticking = setInterval(postOnTick, 1000 / rate)
}

// The feed

let feedLeave

/** Follows the feed until the connection is lost, and anew whenever the server ends it. */
async function openFeed() {
  feedLeave?.abort()
  const leave = new AbortController()
  feedLeave = leave
  while (!leave.signal.aborted) {
    try {
      await followFeed(leave.signal, showOrders, () => say($('feed-status'), 'ok', ''))
      if (!leave.signal.aborted) say($('feed-status'), 'bad', 'The feed ended; opening it again.')
    } catch (error) {
      if (!leave.signal.aborted) say($('feed-status'), 'bad', `The feed broke (${error.message}); opening it again.`)
    }
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
}

function showOrders(orders) {
  const items = orders
    .slice(-FEED_LENGTH)
    .map(order =>
      element(
        'li',
        [
          element('span', `#${order.id}`, { class: 'id' }),
          element('span', order.product),
          element('span', `× ${order.quantity}`, { class: 'number' }),
          element('span', `at ${money.format(order.price / 100)}`, { class: 'number' }),
        ],
        { 'data-id': order.id },
      ),
    )
  $('feed').prepend(...items.reverse())
  while ($('feed').children.length > FEED_LENGTH) $('feed').lastChild.remove()
}

// The large file

async function streamFile() {
  const button = $('download')
  const result = $('download-result')
  button.disabled = true
  // Only the outcome is announced, not each step of the progress.
  result.setAttribute('aria-busy', 'true')
  try {
    const { state, text } = await download(
      (part, progress) => {
        $('download-progress').value = part
        say(result, 'busy', progress)
      },
      progress => say(result, 'busy', progress),
    )
    say(result, state, text)
  } catch (error) {
    say(result, 'bad', `The file broke off: ${error.message}`)
  }
  result.removeAttribute('aria-busy')
  button.disabled = false
}

// Tasklets and notices

let taskletsShown = ''

function showTasklets(tasklets, tab) {
  const key = JSON.stringify([tasklets, tab])
  if (key === taskletsShown) return
  taskletsShown = key
  const byOwner = new Map([[tab, []]])
  for (const tasklet of tasklets) {
    if (!byOwner.has(tasklet.owner)) byOwner.set(tasklet.owner, [])
    byOwner.get(tasklet.owner).push(tasklet)
  }
  $('tasklets-count').textContent = String(tasklets.length)
  $('tasklets').replaceChildren(
    ...[...byOwner]
      .filter(([, owned]) => owned.length > 0)
      .map(([owner, owned]) => {
        const own = owner === tab
        const heading = element('h3', own ? [owner, element('span', 'this tab', { class: 'own' })] : owner)
        const items = owned.map(({ name, state }) =>
          element('li', [element('span', name), element('span', state, { class: 'state' })]),
        )
        return element('section', [heading, element('ul', items)], { 'data-owner': owner, 'data-own': own })
      }),
  )
}

function notice(text) {
  const time = new Date()
  const stamp = element('time', time.toLocaleTimeString('en-GB'), { datetime: time.toISOString() })
  $('notices').prepend(element('li', [stamp, element('span', text)]))
  while ($('notices').children.length > NOTICES) $('notices').lastChild.remove()
}

// The connection

let connected = false

function setConnected(now, text) {
  const before = connected
  connected = now
  say($('connection'), now ? 'connected' : 'lost', text)
  $('controls').disabled = !now
  document.body.dataset.state = now ? 'connected' : 'lost'
  if (now) openFeed()
  else feedLeave?.abort()
  if (before && !now) notice('connection lost')
}

function showState({ tab, passed, tasklets, bytes }) {
  $('tab').textContent = tab
  document.title = `syncless: ${tab}`
  drawGraph(passed, bytes)
  showTasklets(tasklets, tab)
  const taken = passed.find(({ from, to }) => from === 'express' && to === 'tasklet')
  $('orders-total').textContent = (taken?.count ?? 0).toLocaleString('en')
}

function showAggregate(aggregate) {
  addAggregate(aggregate)
  $('orders-last').textContent = aggregate.orders.toLocaleString('en')
  $('revenue-last').textContent = money.format(aggregate.revenue / 100)
}

function connect() {
  if (!globalThis.io) return setConnected(false, 'no Socket.IO client: reload the page')
  const socket = globalThis.io({ transports: ['websocket'], reconnectionDelay: 500, reconnectionDelayMax: 2000 })
  socket.on('connect', () => {
    forgetRates()
    setConnected(true, 'connected')
  })
  socket.on('disconnect', reason => {
    setConnected(false, 'lost, reconnecting')
    // Socket.IO does not come back by itself from a disconnect that the server asked for.
    if (reason === 'io server disconnect') setTimeout(() => socket.connect(), 1000)
  })
  socket.on('connect_error', () => setConnected(false, 'lost, reconnecting'))
  socket.on('state', showState)
  socket.on('aggregate', showAggregate)
  socket.on('notice', notice)
}

$('order').addEventListener('click', () => postAndTell(randomOrder()))
$('bad-order').addEventListener('click', () => postAndTell({ ...randomOrder(), quantity: 0 }))
$('rate').addEventListener('input', setRate)
$('download').addEventListener('click', streamFile)
drawGraph([], 0)
setRate()
connect()
