/** Content of Prometheus' text format. */
export interface Exposition {
  /** Type by name, from TYPE lines. */
  readonly types: ReadonlyMap<string, string>;
  /** By the name of each series, `_bucket`, `_sum` and `_count` included: its labels and their values. */
  readonly series: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
}

export function readExposition(text: string): Exposition {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const series = new Map<string, Map<string, Set<string>>>();
  for (const [, name = '', braces = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const labels = series.get(name) ?? new Map<string, Set<string>>();
    series.set(name, labels);
    for (const [, label = '', word = ''] of braces.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(word));
    }
  }
  return { types, series };
}
