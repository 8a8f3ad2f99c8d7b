/** The text format of OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), as far as it is used here. */

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary'

export type Labels = Readonly<Record<string, string>>

/** Collects metric families, one after another. */
export class OpenMetricsText {
  #text = ''
  #name = ''

  /** Begins a family; its samples follow. A unit is the last word of the name. */
  family(type: MetricType, name: string, help: string, unit?: 'seconds'): this {
    this.#name = name
    this.#text += `# TYPE ${name} ${type}\n`
    if (unit !== undefined) this.#text += `# UNIT ${name} ${unit}\n`
    this.#text += `# HELP ${name} ${escaped(help)}\n`
    return this
  }

  /** A sample of the family that was begun last. `suffix` is what its type asks for, such as `_total` for a counter. */
  sample(value: number, labels: Labels = {}, suffix = ''): this {
    const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`)
    this.#text += `${this.#name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}\n`
    return this
  }

  end(): string {
    return `${this.#text}# EOF\n`
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
