// What the live line says: how many requests a second, which verdicts, whether the ICAP services can be reached.
// As one line that fits into the terminal; where and when it is drawn is live-line.ts.

import type { ProxyRecord } from '../telemetry/records.ts';
import type { Paint } from '../telemetry/terminal-line.ts';

type Verdict = ProxyRecord['verdict'];
type Colour = Parameters<Paint>[1];

const RATE_WINDOW_MS = 5000;
const VERDICTS: readonly { verdict: Verdict; word: string; colour: Colour }[] = [
  { verdict: 'allowed', word: 'allowed', colour: 'green' },
  { verdict: 'blocked', word: 'blocked', colour: 'red' },
  { verdict: 'modified', word: 'modified', colour: 'yellow' },
  { verdict: 'bypassed', word: 'bypassed', colour: 'yellow' },
  { verdict: 'error', word: 'failed', colour: 'red' },
];

export interface ServiceStateShown {
  readonly name: string;
  readonly state: string;
}

/** Counts transactions for the line. */
export class LiveFigures {
  readonly #startedAt: number;
  readonly #counts = new Map<Verdict, number>();
  #total = 0;
  #samples: { at: number; total: number }[];

  /** @param now  milliseconds, of the same clock as later calls */
  constructor(now: number) {
    this.#startedAt = now;
    this.#samples = [{ at: now, total: 0 }];
  }

  add({ verdict }: Pick<ProxyRecord, 'verdict'>): void {
    this.#total++;
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
  }

  /**
   * The line, at most `columns` wide, without a line end; what does not fit is cut, the last part first.
   * The rate is that of the last 5 s in which it was asked for.
   */
  line(now: number, columns: number, services: readonly ServiceStateShown[], paint: Paint): string {
    const parts: Part[] = [
      { text: `up ${uptime(now - this.#startedAt)}`, colour: 'dim' },
      { text: `${this.#rate(now)} requests/s`, colour: null },
      ...badServices(services), // early, so that they are not what is cut
      ...VERDICTS.flatMap(({ verdict, word, colour }): Part[] => {
        const count = this.#counts.get(verdict) ?? 0;
        if (count === 0 && verdict !== 'allowed' && verdict !== 'blocked') return [];
        return [{ text: `${count} ${word}`, colour: count === 0 ? 'dim' : colour }];
      }),
      ...services
        .filter(({ state }) => state === 'up')
        .map(({ name }): Part => ({ text: `${name} up`, colour: 'green' })),
    ];
    return fitted(parts, columns, paint);
  }

  #rate(now: number): string {
    this.#samples = this.#samples.filter(({ at }, index, all) => {
      const next = all[index + 1];
      return next === undefined || next.at > now - RATE_WINDOW_MS || at > now - RATE_WINDOW_MS;
    });
    const [oldest] = this.#samples;
    const seconds = Math.max(1, (now - oldest!.at) / 1000);
    const rate = (this.#total - oldest!.total) / seconds;
    this.#samples.push({ at: now, total: this.#total });
    return rate >= 10 ? String(Math.round(rate)) : rate.toFixed(1);
  }
}

interface Part {
  readonly text: string;
  readonly colour: Colour | null;
}

function badServices(services: readonly ServiceStateShown[]): Part[] {
  return services
    .filter(({ state }) => state !== 'up')
    .map(({ name, state }) => ({ text: `${name} ${state}`, colour: state === 'probing' ? 'yellow' : 'red' }));
}

const BETWEEN = ' | ';

function fitted(parts: readonly Part[], columns: number, paint: Paint): string {
  let line = '';
  let left = columns;
  for (const [index, { text, colour }] of parts.entries()) {
    const between = index === 0 ? '' : BETWEEN;
    const shown = plain(text);
    const isLast = index === parts.length - 1;
    const room = left - between.length - (isLast ? 0 : BETWEEN.length + 1); // for a sign that more would follow
    const paints = (piece: string): string => (colour === null ? piece : paint(piece, colour));
    if (shown.length > room) return left >= between.length + 1 ? `${line}${between}…` : line;
    line += between + paints(shown);
    left -= between.length + shown.length;
  }
  return line;
}

function uptime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

/** Nothing that could steer a terminal, and one column a character. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
