// Holds what each client saw against what it had asked for and against Weir's log, and keeps whatever does not
// agree, with all that is known of it. A request is forgotten once both sides have been seen and are right, so
// that hours of requests cost no memory.

import { type FileHandle, open } from 'node:fs/promises';
import type { LogRecord } from '../support/weir.ts';
import type { Seen } from './client.ts';
import { INFECTED, NODE_GAVE_UP } from './origin.ts';
import { numberIn, type Plan } from './plan.ts';
import { HOLD, ROUTES, type Route } from './setting.ts';

/** What a request came to. */
export type Outcome = 'exact' | 'blocked' | 'error page' | 'cut' | 'left';
export const OUTCOMES: readonly Outcome[] = ['exact', 'blocked', 'error page', 'cut', 'left'];

export interface Failure {
  readonly problem: string;
  /** Moment, ISO 8601. */
  readonly at: string;
  readonly plan: Plan | null;
  readonly seen: Seen | null;
  readonly records: readonly LogRecord[];
  /** What the origin saw of the request, and what the fault server did with it. */
  readonly story: readonly string[];
  /** What was done to servers in the seconds before. */
  readonly events: readonly string[];
}

/** What others know, for failures. */
export interface Witnesses {
  story(number: number): readonly string[];
  events(): readonly string[];
}

interface Entry {
  readonly plan: Plan;
  seen: Seen | null;
  record: LogRecord | null;
}

const routes = new Map(ROUTES.map((route) => [route.name, route]));
const READ_SIZE = 1024 * 1024;
const MOST_FAILURES = 200;

/**
 * What the client saw, by itself and with the log record.
 * @returns the outcome, or what is wrong with it
 */
export function judge(plan: Plan, seen: Seen, record: LogRecord): Outcome | { problem: string } {
  const wrong = (problem: string): { problem: string } => ({ problem });
  const route = routes.get(plan.route)!;
  if (seen.infected) return wrong('EICAR arrived');
  if (record.verdict === 'bypassed' && !route.mayBypass) return wrong('passed unscanned where nothing may');
  if (seen.left) return 'left';
  if (seen.status !== 0 && record.status !== seen.status)
    return wrong(`the log has status ${record.status}, the client got ${seen.status}`);
  const isPage = seen.complete && seen.incident !== null;
  if (isPage && record.incident !== seen.incident)
    return wrong(`the page has incident ${seen.incident}, the log ${record.incident}`);
  if (isPage && seen.status === 403 && record.verdict === 'blocked') {
    if (plan.infection === null) return wrong('a clean message was blocked');
    return record.threat === null ? wrong('blocked, and the log names no threat') : 'blocked';
  }
  if (isPage && seen.status >= 500) {
    if (record.error === undefined) return wrong('an error page, and the log has no error');
    if (!mayFail(route, plan)) return wrong(`an error page (${record.error.code}) where a service stood in`);
    return 'error page';
  }
  if (seen.complete && seen.status === 200) {
    if (record.error !== undefined) return wrong('a whole answer, and the log has an error');
    return exact(plan, seen);
  }
  if (!seen.complete) {
    // While a verdict is waited for, a trickle of the message goes ahead; it never becomes the whole.
    if (record['waited'] === 'trickle' && record.verdict === 'blocked' && plan.infection !== null)
      return 'blocked';
    if (seen.differsAt !== null) return wrong(`a part came, and differs from byte ${seen.differsAt} on`);
    if (record.error === undefined) return wrong('the message broke off, and the log has no error');
    if (!mayFail(route, plan)) return wrong(`broke off (${record.error.code}) where a service stood in`);
    return 'cut';
  }
  return wrong(`an answer that nobody expects: ${seen.status}`);
}

function exact(plan: Plan, seen: Seen): Outcome | { problem: string } {
  if (plan.infection !== null) return { problem: `an infected message was answered with 200` };
  if (seen.bytes !== plan.down) return { problem: `${seen.bytes} of ${plan.down} bytes, as a whole message` };
  if (seen.differsAt !== null) return { problem: `differs from byte ${seen.differsAt} on` };
  return 'exact';
}

/** Where every service has one to stand in, only an answer too long to be held may fail. */
function mayFail(route: Route, plan: Plan): boolean {
  if (route.mayFail) return true;
  const size = plan.infection === null ? Math.max(plan.down, plan.up ?? 0) : INFECTED[plan.infection].length;
  return route.mayCut && size > HOLD;
}

export class Ledger {
  readonly counts: Record<Outcome, number> = { exact: 0, blocked: 0, 'error page': 0, cut: 0, left: 0 };
  /** Error codes of pages and cuts. */
  readonly codes = new Map<string, number>();
  readonly failures: Failure[] = [];
  failed = 0;
  bytes = 0;
  bypassed = 0;
  readonly #open = new Map<number, Entry>();
  readonly #witnesses: Witnesses;
  #file: FileHandle | null = null;
  #rest = '';

  constructor(witnesses: Witnesses) {
    this.#witnesses = witnesses;
  }

  /** Requests whose client or whose record is still awaited; a client that went away need not have one. */
  get waiting(): number {
    return [...this.#open.values()].filter(({ seen }) => seen?.left !== true).length;
  }

  get requests(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0) + this.failed;
  }

  begin(plan: Plan): void {
    this.#open.set(plan.number, { plan, seen: null, record: null });
  }

  seen(plan: Plan, seen: Seen): void {
    const entry = this.#open.get(plan.number)!;
    entry.seen = seen;
    this.bytes += seen.bytes;
    this.#settle(entry);
  }

  fail(problem: string, number: number | null = null): void {
    const entry = number === null ? undefined : this.#open.get(number);
    this.#fail(problem, entry ?? null);
  }

  /** Reads what the log has grown by. */
  async readLog(path: string): Promise<void> {
    this.#file ??= await open(path);
    for (;;) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(READ_SIZE), 0, READ_SIZE);
      if (bytesRead === 0) return;
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as LogRecord);
    }
  }

  /** Everything has been said: what is still open is a failure, unless its client went away. */
  async close(): Promise<void> {
    for (const entry of this.#open.values()) {
      if (entry.seen === null) this.#fail('the client never finished', entry);
      else if (entry.seen.left) this.counts.left++;
      else this.#fail('the log has no record of it', entry);
    }
    this.#open.clear();
    await this.#file?.close();
  }

  #take(record: LogRecord): void {
    if (record.kind === undefined && (record.level === 'error' || record.level === 'fatal'))
      this.#fail(`the log has an error: ${record.msg}`, null, record);
    if (record.kind !== 'proxy' || record.method === 'CONNECT') return;
    const number = numberIn(record.url);
    const entry = number === null ? undefined : this.#open.get(number);
    if (entry === undefined) return;
    if (entry.record !== null) return this.#fail('the log has two records of it', entry, record);
    entry.record = record;
    this.#settle(entry);
  }

  #settle(entry: Entry): void {
    const { plan, seen, record } = entry;
    if (seen === null || record === null) return;
    this.#open.delete(plan.number);
    let outcome = judge(plan, seen, record);
    const { story } = this.#witnesses;
    if (typeof outcome !== 'string' && record.error?.code === 'ERR_ORIGIN_CLOSED') {
      if (story(plan.number).some((what) => what.endsWith(NODE_GAVE_UP))) outcome = 'error page';
    }
    if (typeof outcome !== 'string') return this.#fail(outcome.problem, entry);
    this.counts[outcome]++;
    if (record.verdict === 'bypassed') this.bypassed++;
    if (outcome === 'error page' || outcome === 'cut') {
      const { code } = record.error!;
      this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    }
  }

  #fail(problem: string, entry: Entry | null, record: LogRecord | null = null): void {
    this.failed++;
    if (this.failures.length >= MOST_FAILURES) return;
    const records = [entry?.record ?? null, record].filter((one) => one !== null);
    this.failures.push({
      ...{
        problem,
        at: new Date().toISOString(),
        plan: entry?.plan ?? null,
        seen: entry?.seen ?? null,
        records,
      },
      story: entry === null ? [] : this.#witnesses.story(entry.plan.number),
      events: this.#witnesses.events(),
    });
  }
}
