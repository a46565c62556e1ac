// Examinations that somebody has asked for on the dashboard: one at a time for a service, the last ones kept.

import { randomBytes } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { CheckReport } from '../icap/doctor/types.ts';
import type { Examination } from './api/sources.ts';
import type { JobCheck, JobReply } from './api/types.ts';

const MAX_JOBS = 20;
const MAX_RUNNING = 3;

interface Job {
  reply: JobReply;
}

export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #onChange: (job: JobReply) => void;

  constructor(onChange: (job: JobReply) => void) {
    this.#onChange = onChange;
  }

  get(id: string): JobReply | null {
    return this.#jobs.get(id)?.reply ?? null;
  }

  /** Id of the examination of a service that runs. */
  running(service: string): string | null {
    return this.#running.find(({ subject }) => subject === service)?.id ?? null;
  }

  /** Id of the last examination of a service that is kept, whether it runs or is over. */
  last(service: string): string | null {
    return [...this.#jobs.values()].findLast(({ reply }) => reply.subject === service)?.reply.id ?? null;
  }

  get isFull(): boolean {
    return this.#running.length >= MAX_RUNNING;
  }

  /** Begins one. @returns its id; of the one that runs where there is one */
  start(service: string, examination: Examination): string {
    const known = this.running(service);
    if (known !== null) return known;
    const id = randomBytes(8).toString('hex');
    const progress = { done: 0, total: examination.total, now: null };
    const startedAt = new Date().toISOString();
    const job: Job = {
      reply: {
        ...{ id, kind: 'doctor', subject: service, state: 'running', startedAt, endedAt: null, progress },
        ...{ checks: [], advice: [], error: null },
      },
    };
    this.#jobs.set(id, job);
    while (this.#jobs.size > MAX_JOBS) this.#jobs.delete(this.#jobs.keys().next().value!);
    void this.#run(job, examination);
    return id;
  }

  async #run(job: Job, examination: Examination): Promise<void> {
    try {
      const report = await examination.run({
        onStart: (title) => {
          this.#change(job, { progress: { ...job.reply.progress, now: title } });
        },
        onReport: (report) => {
          const checks = [...job.reply.checks, checkOf(report)];
          this.#change(job, { checks, progress: { ...job.reply.progress, done: checks.length } });
        },
      });
      this.#end(job, { state: 'done', advice: report.advice });
    } catch (error) {
      this.#end(job, { state: 'failed', error: messageOf(error) });
    }
  }

  #end(job: Job, change: Partial<JobReply>): void {
    const progress = { ...job.reply.progress, now: null };
    this.#change(job, { ...change, progress, endedAt: new Date().toISOString() });
  }

  #change(job: Job, change: Partial<JobReply>): void {
    job.reply = { ...job.reply, ...change };
    this.#onChange(job.reply);
  }

  get #running(): readonly JobReply[] {
    return [...this.#jobs.values()].map(({ reply }) => reply).filter(({ state }) => state === 'running');
  }
}

function checkOf(report: CheckReport): JobCheck {
  const { id, group, level, title, clause, status, saw, means, ms } = report;
  return { id, group, level, title, clause, status, saw, means, ms };
}
