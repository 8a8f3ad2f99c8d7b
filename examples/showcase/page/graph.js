/** The graph: the participants, and an arrow for each pair of them that has passed values. */

/** Where each participant stands in the 822 x 344 drawing: left, top, width, height. */
const NODES = {
  client: { box: [4, 14, 84, 316], note: 'browser tabs' },
  express: { box: [346, 28, 120, 48], note: 'POST /orders' },
  fastify: { box: [346, 110, 120, 48], note: 'GET /api/feed' },
  'socket.io': { box: [228, 192, 104, 48], note: 'events' },
  rxjs: { box: [472, 192, 104, 48], note: 'each second' },
  stream: { box: [346, 274, 120, 48], note: 'GET /file' },
  tasklet: { box: [716, 28, 90, 212], note: 'validates' },
}
/** The arrows that are there from the start, and which of the four paths through the process each is part of. */
const LANES = {
  'client>express': 'orders',
  'express>tasklet': 'orders',
  'tasklet>fastify': 'feed',
  'fastify>client': 'feed',
  'tasklet>rxjs': 'totals',
  'rxjs>socket.io': 'totals',
  'socket.io>client': 'totals',
  'stream>client': 'file',
}
/** Rates are over this many milliseconds. */
const WINDOW = 3000
/** The most dots for one arrow for one event of the server, however many values passed. */
const DOTS = 3
const BOUNDARY = 106

const svg = document.getElementById('graph')
const caption = document.getElementById('graph-caption')
const hint = caption.textContent.trim()
const still = matchMedia('(prefers-reduced-motion: reduce)')
const edges = new Map()
let pointedAt

function shape(name, attributes, content = []) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...[content].flat())
  return made
}

const lanes = [...new Set(Object.values(LANES)), 'other']
const arrowHeads = lanes.map(lane =>
  shape(
    'marker',
    { id: `head-${lane}`, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto' },
    shape('path', { d: 'M0 0L8 4L0 8Z', class: 'head', 'data-lane': lane }),
  ),
)
for (const head of arrowHeads) head.setAttribute('markerUnits', 'userSpaceOnUse')
const edgeLayer = shape('g', {})
const dotLayer = shape('g', { 'aria-hidden': 'true' })
const bytesText = shape('text', { class: 'bytes', x: 480, y: 302 })

svg.setAttribute('role', 'group')
svg.setAttribute('aria-labelledby', 'graph-title')
svg.replaceChildren(
  shape('defs', {}, arrowHeads),
  shape('rect', { class: 'process', x: BOUNDARY, y: 4, width: 822 - BOUNDARY - 4, height: 336, rx: 10 }),
  shape('text', { class: 'process-name', x: 804, y: 328, 'text-anchor': 'end' }, 'one Node process, one port'),
  bytesText,
  edgeLayer,
  ...Object.entries(NODES).map(([name, { box, note }]) => {
    const [x, y, width, height] = box
    const middle = { x: x + width / 2, 'text-anchor': 'middle' }
    return shape('g', { class: 'node', 'data-node': name }, [
      shape('rect', { x, y, width, height, rx: 7 }),
      shape('text', { ...middle, class: 'name', y: y + height / 2 - 3 }, name),
      shape('text', { ...middle, class: 'note', y: y + height / 2 + 14 }, note),
    ])
  }),
  dotLayer,
)

/** The line from one participant to another: straight along a row where both have a part in it, else a curve. */
function path(from, to, aside) {
  const [ax, ay, aw, ah] = NODES[from].box
  const [bx, by, bw, bh] = NODES[to].box
  const overlap = [Math.max(ay, by), Math.min(ay + ah, by + bh)]
  const right = bx > ax
  const start = right ? ax + aw : ax
  const end = right ? bx - 3 : bx + bw + 3
  if (overlap[0] < overlap[1] && (right ? start < end : start > end)) {
    const y = (overlap[0] + overlap[1]) / 2 + aside
    return { d: `M${start} ${y}L${end} ${y}`, straight: true }
  }
  const down = by > ay
  const [y1, y2] = down ? [ay + ah, by - 3] : [ay, by + bh + 3]
  const [x1, x2, half] = [ax + aw / 2 + aside, bx + bw / 2 + aside, (y1 + y2) / 2]
  return { d: `M${x1} ${y1}C${x1} ${half} ${x2} ${half} ${x2} ${y2}`, straight: false }
}

function addEdge(key) {
  const [from, to] = key.split('>')
  if (!NODES[from] || !NODES[to]) return undefined
  const lane = LANES[key] ?? 'other'
  const { d, straight } = path(from, to, lane === 'other' ? 22 : 0)
  const line = shape('path', { class: 'line', d, 'marker-end': `url(#head-${lane})` })
  const middle = line.getPointAtLength(line.getTotalLength() / 2)
  // Away from the dashed border of the process, which the arrows of the client cross.
  const x = middle.x + (from === 'client' || to === 'client' ? (BOUNDARY - 88) / 2 : 0)
  const total = shape('text', { class: 'total', x, y: middle.y - 8, 'text-anchor': 'middle' })
  const value = shape('text', { class: 'value', x, y: middle.y + 17, 'text-anchor': 'middle' })
  const title = shape('title', {})
  const reach = shape('path', { class: 'reach', d })
  const texts = lane === 'other' ? [] : [total, value]
  const group = shape('g', { class: 'edge', 'data-edge': key, 'data-lane': lane, 'data-count': 0, role: 'img' }, [
    title,
    reach,
    line,
    ...texts,
  ])
  group.setAttribute('tabindex', '0')
  const room = straight ? Math.floor((line.getTotalLength() - (x - middle.x) * 2 - 8) / 6.4) : 18
  const edge = { from, to, group, line, total, value, title, room, count: 0, last: '', rate: 0, history: [] }
  for (const event of ['pointerenter', 'focus']) group.addEventListener(event, () => point(edge))
  for (const event of ['pointerleave', 'blur']) group.addEventListener(event, () => point(undefined))
  edgeLayer.append(group)
  edges.set(key, edge)
  return edge
}

function point(edge) {
  pointedAt = edge
  caption.textContent = edge ? describe(edge) : hint
}

const plural = count => `${count.toLocaleString('en')} ${count === 1 ? 'value' : 'values'}`
const perSecond = rate => (rate > 0 && rate < 9.95 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en'))
const describe = ({ from, to, count, rate, last }) =>
  `${from} to ${to}: ${plural(count)}, ${perSecond(rate)} per second${last ? `. The last: ${last}` : ''}`

const shorten = (text, room) => (text.length > room ? `${text.slice(0, room - 1)}…` : text)

/** Sends a dot along an arrow. */
function pulse({ group, line }, delay) {
  const length = line.getTotalLength()
  const steps = [0, 0.25, 0.5, 0.75, 1].map(part => {
    const { x, y } = line.getPointAtLength(length * part)
    return { transform: `translate(${x}px, ${y}px)`, opacity: part === 0 || part === 1 ? 0.3 : 1 }
  })
  const dot = shape('circle', { class: 'dot', r: 4, 'data-lane': group.dataset.lane, opacity: 0 })
  dotLayer.append(dot)
  const flight = dot.animate(steps, { duration: 300 + length * 2, delay })
  flight.finished.finally(() => dot.remove()).catch(() => {})
}

function update(edge, { count, last }, now) {
  // A count that fell is a server that was started anew.
  if (count < edge.count) edge.history = []
  const fresh = edge.history.length > 0 ? count - edge.count : 0
  edge.history.push({ now, count })
  while (edge.history.length > 2 && edge.history[1].now <= now - WINDOW) edge.history.shift()
  const first = edge.history[0]
  const took = now - first.now
  Object.assign(edge, { count, last, rate: took > 0 ? ((count - first.count) * 1000) / took : 0 })

  edge.group.dataset.count = String(count)
  edge.group.classList.toggle('active', fresh > 0)
  edge.group.classList.toggle('unused', count === 0)
  edge.total.textContent = count === 0 ? 'nothing yet' : `${count.toLocaleString('en')} · ${perSecond(edge.rate)}/s`
  edge.value.textContent = shorten(last, edge.room)
  const text = describe(edge)
  if (edge.title.textContent !== text) {
    edge.title.textContent = text
    edge.group.setAttribute('aria-label', text)
    if (edge === pointedAt) caption.textContent = text
  }
  if (still.matches || document.hidden) return
  const dots = Math.min(fresh, DOTS)
  for (let n = 0; n < dots; n++) pulse(edge, (n * 250) / dots)
}

/** Starts the rates anew: what passed before this page was connected is not a rate. */
export function forgetRates() {
  for (const edge of edges.values()) edge.history = []
}

/** Draws what has passed so far; `bytes` of the large file went through its channel. */
export function drawGraph(passed, bytes) {
  const now = performance.now()
  for (const key of Object.keys(LANES)) if (!edges.has(key)) addEdge(key)
  const told = new Map(passed.map(one => [`${one.from}>${one.to}`, one]))
  for (const key of told.keys()) if (!edges.has(key)) addEdge(key)
  for (const [key, edge] of edges) update(edge, told.get(key) ?? { count: 0, last: '' }, now)
  bytesText.textContent = bytes > 0 ? `${(bytes / 1024 / 1024).toFixed(1)} MiB through its channel` : ''
}
