/** Reads OpenMetrics text as strictly as its specification has it, and refuses all else. For tests. */

export interface Family {
  type: string
  unit?: string
  help?: string
  samples: Sample[]
}

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"'
const NUMBER = '[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?|[+-]?(?:Inf|inf)|NaN|nan'
const DESCRIPTOR = new RegExp(`^# (TYPE|UNIT|HELP) (${NAME}) (.*)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (${NUMBER})$`)

const SUFFIXES: Record<string, string[]> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  summary: ['', '_count', '_sum', '_created'],
}

export function readOpenMetrics(text: string): Map<string, Family> {
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('the text does not end with "# EOF"')
  const families = new Map<string, Family>()
  let name = ''
  let family: Family = { type: '', samples: [] }
  for (const line of lines) {
    const descriptor = line.match(DESCRIPTOR)
    if (descriptor !== null) {
      const [, kind = '', about = '', rest = ''] = descriptor
      if (about !== name || family.samples.length > 0) {
        if (families.has(about)) throw new Error(`${about} comes twice, or in parts`)
        name = about
        family = { type: '', samples: [] }
        families.set(name, family)
      }
      describe(family, name, kind, rest)
      continue
    }
    const sample = line.match(SAMPLE)
    if (sample === null) throw new Error(`no line of OpenMetrics: ${line}`)
    const [, full = '', labels = '', value = ''] = sample
    if (!(SUFFIXES[family.type] ?? []).some(suffix => full === name + suffix)) {
      throw new Error(`${full} is no sample of ${name}, a ${family.type}`)
    }
    family.samples.push({ name: full, labels: readLabels(labels), value: readNumber(value) })
  }
  for (const [about, { type, samples }] of families) check(about, type, samples)
  return families
}

function describe(family: Family, name: string, kind: string, rest: string): void {
  if (kind === 'TYPE') {
    if (family.type !== '') throw new Error(`${name} has two types`)
    if (!(rest in SUFFIXES)) throw new Error(`${rest} is no type that is used here`)
    family.type = rest
  } else if (kind === 'UNIT') {
    if (!name.endsWith(`_${rest}`)) throw new Error(`${name} does not end with its unit, ${rest}`)
    family.unit = rest
  } else family.help = rest
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [pair] of text.matchAll(new RegExp(LABEL, 'g'))) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (name in labels) throw new Error(`the label ${name} comes twice`)
    labels[name] = pair.slice(at + 2, -1).replaceAll(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
  }
  return labels
}

function readNumber(text: string): number {
  if (/nan/i.test(text)) return Number.NaN
  return /inf/i.test(text) ? (text.startsWith('-') ? -1 : 1) * Number.POSITIVE_INFINITY : Number(text)
}

function check(name: string, type: string, samples: Sample[]): void {
  if (type === '') throw new Error(`${name} has no type`)
  const seen = new Set<string>()
  for (const { name: full, labels, value } of samples) {
    const key = full + JSON.stringify(Object.entries(labels).sort())
    if (seen.has(key)) throw new Error(`${key} comes twice`)
    seen.add(key)
    if (type === 'counter' && !(value >= 0)) throw new Error(`${full} is ${value}`)
    if (type === 'summary' && full === name && !(Number(labels.quantile) >= 0 && Number(labels.quantile) <= 1)) {
      throw new Error(`${full} has quantile ${labels.quantile}`)
    }
  }
  if (type === 'histogram') checkHistogram(name, samples)
}

function checkHistogram(name: string, samples: Sample[]): void {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _, ...rest } = sample.labels
    const key = JSON.stringify(rest)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const group of groups.values()) {
    const buckets = group.filter(sample => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels: { le = '' } }) => {
      if (!/^(\+Inf|-?\d+\.\d+(e[+-]\d+)?)$/.test(le)) throw new Error(`${name}: the bound ${le} is not canonical`)
      return readNumber(le)
    })
    const counts = buckets.map(({ value }) => value)
    for (const list of [bounds, counts]) {
      if (list.some((value, at) => at > 0 && !(value >= (list[at - 1] ?? 0))))
        throw new Error(`${name} is not in order`)
    }
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name} has no last bucket`)
    const count = group.find(sample => sample.name.endsWith('_count'))?.value
    if (count !== counts.at(-1)) throw new Error(`${name}: ${count} are counted, and ${counts.at(-1)} in buckets`)
  }
}
