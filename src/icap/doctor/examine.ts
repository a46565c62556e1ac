// Runs an examination: finds out what the server is, runs the checks one after another with a pause
// between, each with its own deadline, and sees after every trouble whether the server still lives. What
// a check looks for is in checks/; what the results mean as a whole, in capabilities.ts.

import { isWeirError, messageOf } from '../../errors.ts';
import { targetUrl } from '../probe/wire-client.ts';
import { abbreviate } from './abbreviate.ts';
import { adviceFor } from './advice.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { Facts, Memory, Settings } from './context.ts';
import { CheckContext } from './context.ts';
import { NO_FACTS, survey } from './survey.ts';
import { skip, statusOf, wrong } from './judge.ts';
import type { Check, CheckReport, DoctorReport, Finding, Status } from './types.ts';

const DEADLINE_FACTOR = 8; // of the time that a check may wait for one answer
/** Checks that tell why a server cannot be reached. */
const UNREACHED = ['connection.accepts', 'connection.tls'];
const REVIVAL_TRIES = 3;
const MAX_REVIVAL_PAUSE_MS = 1000;

export interface ExamineOptions extends Settings {
  readonly checks: readonly Check[];
  /** Milliseconds between two checks. */
  readonly pauseMs: number;
  /** Told of each check before it runs. */
  readonly onStart?: (check: Check, index: number) => void;
  readonly onReport?: (report: CheckReport) => void;
}

/** Examines one service. Resolves with a report whatever the server does. */
export async function examine(options: ExamineOptions): Promise<DoctorReport> {
  const run = new Examination(options);
  return run.run();
}

class Examination {
  readonly #options: ExamineOptions;
  readonly #memory: Memory = new Map();
  readonly #startedAt = new Date();
  #facts: Facts = NO_FACTS;
  /** Why nothing more is asked; null while the server lives. */
  #dead: string | null = null;
  #reached = true;
  #connections = 0;
  #bytesSent = 0;

  constructor(options: ExamineOptions) {
    this.#options = options;
  }

  async run(): Promise<DoctorReport> {
    const { checks, target } = this.#options;
    const begun = performance.now();
    await this.#survey();
    const reports: CheckReport[] = [];
    for (const [index, check] of checks.entries()) {
      this.#options.onStart?.(check, index);
      const report = await this.#report(check);
      this.#options.onReport?.(report);
      reports.push(report);
    }
    const capabilities = capabilitiesOf(this.#facts, reports);
    return {
      url: targetUrl(target),
      startedAt: this.#startedAt.toISOString(),
      summary: this.#summary(reports, performance.now() - begun),
      capabilities,
      advice: adviceFor(capabilities, reports),
      checks: reports,
    };
  }

  async #survey(): Promise<void> {
    const context = new CheckContext(this.#options, NO_FACTS, this.#memory);
    try {
      const facts = await this.#withinDeadline(survey(context));
      if (facts !== null) this.#facts = facts;
    } catch (error) {
      if (!isWeirError(error)) throw error;
      this.#reached = false;
      this.#dead = messageOf(error);
    } finally {
      this.#account(context);
    }
  }

  async #report(check: Check): Promise<CheckReport> {
    const obstacle = this.#obstacle(check);
    const startedAt = performance.now();
    const context = new CheckContext(this.#options, this.#facts, this.#memory);
    let finding = obstacle === null ? await this.#attempt(check, context) : skip(obstacle);
    this.#account(context);
    if (obstacle === null) {
      if (finding.result === 'wrong') finding = await this.#afterTrouble(check, finding);
      await pause(this.#options.pauseMs);
    }
    const { id, group, level, title, clause, means } = check;
    const status = statusFor(finding, level);
    return {
      ...{ id, group, level, title, clause, status, saw: finding.saw },
      means: status === 'fail' || status === 'warn' ? means : null,
      sent: abbreviate(context.transcripts, 'sent'),
      received: abbreviate(context.transcripts, 'received'),
      ms: Math.round(performance.now() - startedAt),
      ...(finding.figures === undefined ? {} : { figures: finding.figures }),
    };
  }

  /** Why a check cannot be run. */
  #obstacle({ id, needs, intrusive }: Check): string | null {
    if (intrusive === true && !this.#options.intrusive) return 'only with --intrusive';
    if (this.#dead !== null && !(UNREACHED.includes(id) && !this.#reached)) return this.#dead;
    const { options, plain } = this.#facts;
    if (needs !== 'nothing' && options === null) return 'OPTIONS was not answered with 200';
    if (needs === 'message' && plain.kind === 'refused') return `a plain message is refused: ${plain.why}`;
    return null;
  }

  async #attempt(check: Check, context: CheckContext): Promise<Finding> {
    try {
      const finding = await this.#withinDeadline(Promise.resolve(check.run(context)));
      return finding ?? wrong(`not finished after ${this.#deadlineMs / 1000} s`);
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return wrong(messageOf(error)); // no connection
    } finally {
      context.finish();
    }
  }

  get #deadlineMs(): number {
    return this.#options.readTimeoutMs * DEADLINE_FACTOR;
  }

  /** Null when it takes too long, as with a server that sends one byte after the other without end. */
  async #withinDeadline<T>(work: Promise<T>): Promise<T | null> {
    work.catch(() => {}); // fails once its connections are closed
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), this.#deadlineMs)));
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A server that no longer answers anybody is not asked further. */
  async #afterTrouble(check: Check, finding: Finding): Promise<Finding> {
    if (!this.#reached) return finding;
    for (let tries = 0; tries < REVIVAL_TRIES; tries++) {
      if (tries > 0) await pause(Math.min(MAX_REVIVAL_PAUSE_MS, this.#options.readTimeoutMs));
      if (await this.#lives()) return finding;
      if (this.#facts.options === null) break; // it never did
    }
    this.#dead = `the server answers nobody since ${check.id}`;
    return { ...finding, saw: `${finding.saw}; afterwards the server answers nobody` };
  }

  async #lives(): Promise<boolean> {
    const context = new CheckContext(this.#options, this.#facts, new Map());
    try {
      const exchanged = await this.#withinDeadline(context.exchange(context.options()));
      if (exchanged === null) return false;
      const { final } = exchanged;
      return this.#facts.options === null ? final.kind === 'response' : statusOf(final) === 200;
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return false;
    } finally {
      this.#account(context);
    }
  }

  #account(context: CheckContext): void {
    context.finish();
    this.#connections += context.connections;
    this.#bytesSent += context.bytesSent;
  }

  #summary(reports: readonly CheckReport[], ms: number): DoctorReport['summary'] {
    const count = (status: Status): number => reports.filter((report) => report.status === status).length;
    const counts = { pass: count('pass'), fail: count('fail'), warn: count('warn'), skip: count('skip') };
    return {
      ...counts,
      total: reports.length,
      reached: this.#reached,
      ok: counts.fail === 0 && this.#reached,
      connections: this.#connections,
      bytesSent: this.#bytesSent,
      ms: Math.round(ms),
    };
  }
}

function statusFor({ result }: Finding, level: Check['level']): Status {
  if (result === 'skip') return 'skip';
  if (result === 'right') return 'pass';
  return level === 'must' ? 'fail' : 'warn';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
