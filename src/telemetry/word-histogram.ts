import type { Histogram, Registry } from 'prom-client';

interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Up to two labels with all of their values: every combination exists from the start, as zero. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly register: Registry;
}

/**
 * A histogram in prom-client's registry whose label values are known. An observation is a few additions; prom-client's own
 * histogram creates objects and hashes the labels, which takes ten times as long, five times in each request.
 */
export class WordHistogram {
  readonly name: string;
  readonly #help: string;
  readonly #labelNames: readonly string[];
  readonly #buckets: readonly number[];
  /** By the values of both labels; an absent label has the value ''. */
  readonly #series: Readonly<Record<string, Readonly<Record<string, Series>>>>;

  constructor({ name, help, labels = {}, buckets, register }: HistogramOptions) {
    this.name = name;
    this.#help = help;
    this.#labelNames = Object.keys(labels);
    this.#buckets = buckets;
    const [first = [''], second = ['']] = Object.values(labels);
    const seriesOfFirst = () => Object.fromEntries(second.map((word) => [word, new Series(buckets.length)]));
    this.#series = Object.fromEntries(first.map((word) => [word, seriesOfFirst()]));
    register.registerMetric(this as unknown as Histogram); // a registry uses only the name and `get` of a metric
  }

  observe(value: number, first = '', second = ''): void {
    const series = this.#series[first]?.[second];
    if (series === undefined) return;
    const buckets = this.#buckets;
    let index = 0;
    while (index < buckets.length && value > (buckets[index] as number)) index++;
    series.counts[index] = (series.counts[index] as number) + 1;
    series.sum += value;
  }

  /** In the format of prom-client's histograms, so that it can be printed and summed over workers. */
  async get() {
    const values = Object.entries(this.#series).flatMap(([first, all]) =>
      Object.entries(all).flatMap(([second, series]) => this.#valuesOf([first, second], series)),
    );
    return { name: this.name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }

  #valuesOf(words: readonly string[], { counts, sum }: Series) {
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, words[index]]));
    let count = 0;
    const buckets = Array.from(counts, (more, index) => {
      count += more;
      const metricName = `${this.name}_bucket`;
      return { metricName, labels: { le: this.#buckets[index] ?? '+Inf', ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}

class Series {
  /** Counts for each bucket alone; the last is for values above all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(buckets: number) {
    this.counts = new Float64Array(buckets + 1);
  }
}
