/** The throughput chart: a bar of orders and a line of revenue for each second of the last minute. */

const SECONDS = 60
const GAP_LEFT = 34
const GAP_RIGHT = 50
const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' })
const wholeMoney = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 })

const svg = document.getElementById('chart')
let aggregates = []

function shape(name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text !== undefined) made.textContent = text
  return made
}

/** The least round number that is not below `value`, so that the scale seldom moves. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return [1, 2, 5, 10].find(step => step * power >= value) * power
}

export function addAggregate(aggregate) {
  const last = aggregates.at(-1)
  // A server that was started anew counts its seconds anew.
  if (last && aggregate.second <= last.second) aggregates = []
  aggregates = [...aggregates, aggregate].filter(({ second }) => second > aggregate.second - SECONDS)
  draw()
}

function draw() {
  const { clientWidth: width, clientHeight: height } = svg
  const last = aggregates.at(-1)
  if (!last || width === 0 || height === 0) return

  const top = 8
  const bottom = height - 18
  const slot = (width - GAP_LEFT - GAP_RIGHT) / SECONDS
  const left = second => GAP_LEFT + (SECONDS - 1 - last.second + second) * slot
  const ordersScale = roundUp(Math.max(10, ...aggregates.map(({ orders }) => orders)))
  const revenueScale = roundUp(Math.max(10_000, ...aggregates.map(({ revenue }) => revenue)))
  const y = part => bottom - part * (bottom - top)

  const grid = [0, 0.5, 1].flatMap(part => [
    shape('line', { class: 'grid', x1: GAP_LEFT, x2: width - GAP_RIGHT, y1: y(part), y2: y(part) }),
    shape('text', { class: 'axis', x: GAP_LEFT - 6, y: y(part) + 4, 'text-anchor': 'end' }, ordersScale * part),
    shape(
      'text',
      { class: 'axis', x: width - GAP_RIGHT + 6, y: y(part) + 4 },
      wholeMoney.format((revenueScale / 100) * part),
    ),
  ])
  const bars = aggregates.map(({ second, orders, revenue }) => {
    const bar = shape('rect', {
      class: 'bar',
      x: left(second) + slot * 0.1,
      width: slot * 0.8,
      y: y(orders / ordersScale),
      height: bottom - y(orders / ordersScale),
    })
    bar.append(shape('title', {}, `second ${second}: ${orders} orders, ${money.format(revenue / 100)}`))
    return bar
  })
  const points = aggregates.map(
    ({ second, revenue }) => `${left(second) + slot / 2},${y(Math.min(revenue / revenueScale, 1))}`,
  )
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.replaceChildren(
    ...grid,
    ...bars,
    shape('polyline', { class: 'revenue', points: points.join(' ') }),
    shape('text', { class: 'axis', x: GAP_LEFT, y: height - 3 }, '60 s ago'),
    shape('text', { class: 'axis', x: width - GAP_RIGHT, y: height - 3, 'text-anchor': 'end' }, 'now'),
  )
  svg.dataset.last = String(last.orders)
  svg.setAttribute(
    'aria-label',
    `Orders per second over the last minute. In the last second: ${last.orders} orders, ${money.format(last.revenue / 100)}.`,
  )
}

new ResizeObserver(draw).observe(svg)
