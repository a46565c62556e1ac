// How many worker processes there should be, by the rule of c-icap's process pool: a handler is one
// request being served, and the pool keeps a reserve of free ones. G-14.

export interface PoolRule {
  /** Processes that are always there. */
  readonly min: number;
  /** Processes under load. */
  readonly max: number;
  /** Free handlers at or below which a process is started. */
  readonly minSpare: number;
  /** Free handlers at or above which an idle process is stopped. */
  readonly maxSpare: number;
  /** Handlers that one process counts for. */
  readonly perProcess: number;
}

/** Of `gateway.workers` where the file gives none and the gateway is alone. As in config/schema.ts. */
const STANDARD: PoolRule = { min: 3, max: 10, minSpare: 10, maxSpare: 20, perProcess: 10 };

/**
 * The rule that a configuration asks for; null: no worker processes, the gateway is in this one.
 * @param alone  no proxy runs beside it, which would call the gateway in its own process (decision 0009)
 */
export function poolRule(configured: PoolRule | null, alone: boolean): PoolRule | null {
  const rule = configured ?? (alone ? STANDARD : null);
  return rule === null || rule.min === 0 ? null : rule;
}

export interface PoolLoad {
  /** Processes that serve or are being started; not those that drain. */
  readonly processes: number;
  /** Requests that they serve. */
  readonly busy: number;
}

export type PoolStep = 'start' | 'stop' | 'keep';

/** Handlers without a request; negative while processes serve more than they count for. */
export function freeHandlers(rule: PoolRule, load: PoolLoad): number {
  return load.processes * rule.perProcess - load.busy;
}

/**
 * The next step towards the right number of processes.
 *
 * Never oscillates: a stop leaves more than `minSpare` handlers free.
 */
export function poolStep(rule: PoolRule, load: PoolLoad): PoolStep {
  const { processes } = load;
  if (processes < rule.min) return 'start';
  const free = freeHandlers(rule, load);
  if (free <= rule.minSpare && processes < rule.max) return 'start';
  const spareWithoutOne = free - rule.perProcess;
  if (free >= rule.maxSpare && processes > rule.min && spareWithoutOne > rule.minSpare) return 'stop';
  return 'keep';
}

/** Requests that the pool serves at a time when it is as large as it may be. */
export function mostHandlers(rule: PoolRule): number {
  return rule.max * rule.perProcess;
}

const SHORT_LIFE_MS = 10_000;
const FREE_RESTARTS = 3;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** Pauses between restarts of processes that end soon after their start. */
export class RestartPauses {
  /** Short lives in a row. */
  #failures = 0;

  /** Processes in a row that ended soon after their start. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Notes the end of a process that nobody had asked to end.
   * @param livedMs  since its start
   * @returns milliseconds until the next one may start: 0 for three short lives in a row, then 1 s, 2 s … 30 s
   */
  afterEnd(livedMs: number): number {
    this.#failures = livedMs < SHORT_LIFE_MS ? this.#failures + 1 : 0;
    if (this.#failures <= FREE_RESTARTS) return 0;
    return Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - FREE_RESTARTS - 1), LONGEST_PAUSE_MS);
  }
}
