// Reads the Prometheus text format 0.0.4, strictly: what a scraper could take in more than one way is an error.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;

export class Exposition {
  readonly families: ReadonlyMap<string, Family>;

  /** @throws {Error} with the line that is not sound */
  constructor(text: string) {
    if (!text.endsWith('\n')) throw new Error('the last line has no end');
    const families = new Map<string, Family & { samples: Sample[] }>();
    const helps = new Map<string, string>();
    const seen = new Set<string>();
    let current: string | null = null;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
      if (word === 'HELP') helps.set(name, rest);
      else if (word === 'TYPE') {
        if (families.has(name)) throw new Error(`second TYPE: ${line}`);
        if (!/^(?:counter|gauge|histogram)$/.test(rest)) throw new Error(`unknown type: ${line}`);
        const type = rest as Family['type'];
        families.set(name, { name, type, help: helps.get(name) ?? '', samples: [] });
        current = name;
      } else {
        const sample = sampleOf(line);
        const family = families.get(current ?? '');
        if (family === undefined || !belongs(sample, family)) throw new Error(`not of its family: ${line}`);
        const key = line.slice(0, line.lastIndexOf(' '));
        if (seen.has(key)) throw new Error(`twice: ${line}`);
        seen.add(key);
        family.samples.push(sample);
      }
    }
    for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
    this.families = families;
  }

  /** Samples of that name whose labels are these, among others. */
  samples(name: string, labels: Record<string, string> = {}): Sample[] {
    const family = this.families.get(name) ?? this.families.get(name.replace(/_(?:bucket|sum|count)$/, ''));
    return (family?.samples ?? []).filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  }

  /** Sum of those samples; 0 where there is none. */
  sum(name: string, labels: Record<string, string> = {}): number {
    return this.samples(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** `label value: number` of all rows that are not 0, with the values of the labels joined by spaces. */
  rows(name: string): Record<string, number> {
    return Object.fromEntries(
      this.samples(name)
        .filter(({ value }) => value !== 0)
        .map(({ labels, value }) => [Object.values(labels).join(' '), value]),
    );
  }
}

function sampleOf(line: string): Sample {
  const [, name, inner = '', number = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const value = number === '+Inf' ? Infinity : Number(number);
  if (number === '' || Number.isNaN(value)) throw new Error(`no number: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = inner; rest !== '';) {
    const [all = '', label, text = '', end] = LABEL.exec(rest) ?? [];
    if (label === undefined || Object.hasOwn(labels, label)) throw new Error(`labels: ${line}`);
    labels[label] = text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
    rest = rest.slice(all.length);
    if (end === ',' && rest === '') throw new Error(`labels: ${line}`);
  }
  return { name, labels, value };
}

function belongs({ name, labels, value }: Sample, family: Family): boolean {
  if (family.type === 'counter' && !(value >= 0 && name.endsWith('_total'))) return false;
  if (family.type !== 'histogram') return name === family.name;
  if (name === `${family.name}_bucket`) return labels['le'] !== undefined;
  return name === `${family.name}_sum` || name === `${family.name}_count`;
}

/** Buckets rise with their bounds, the last one is +Inf and holds all. */
function checkHistogram({ name, samples }: Family): void {
  const last = new Map<string, { bound: number; value: number }>();
  for (const { name: part, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    const before = last.get(key);
    if (part === `${name}_bucket`) {
      const bound = le === '+Inf' ? Infinity : Number(le);
      const sound = before === undefined || (bound > before.bound && value >= before.value);
      if (!sound) throw new Error(`buckets of ${name} ${key} do not rise`);
      last.set(key, { bound, value });
    } else if (part === `${name}_count` && (before?.bound !== Infinity || before.value !== value)) {
      throw new Error(`${name}_count ${key} is not its last bucket`);
    }
  }
}
