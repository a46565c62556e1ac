// A CAPE sandbox by its REST API, version 2: submits a file, asks until it is reported, reads the score.
// A few tasks at a time, a bounded number waits. What its answer means for the message, the blade decides.

import got, { type Got } from 'got';
import { setTimeout as sleep } from 'node:timers/promises';
import { PluginError } from 'weir';
import type { CapeOptions } from './options.ts';

/** What CAPE found. */
export interface CapeResult {
  readonly task: number;
  /** 0 to 10; null where the analysis failed there. */
  readonly score: number | null;
  /** Malware family, or the weightiest signature; null for none. */
  readonly name: string | null;
}

const MAX_WAITING = 64;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_REPORT = 32 * 2 ** 20; // bytes
const RETRIES = {
  limit: 3,
  methods: ['GET', 'POST'] as ('GET' | 'POST')[],
  statusCodes: [408, 429, 500, 502, 503, 504],
};

export class CapeClient {
  readonly #options: CapeOptions;
  readonly #http: Got;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param backoffMs longest wait before a request is tried again; for tests */
  constructor(options: CapeOptions, backoffMs = 10_000) {
    this.#options = options;
    this.#http = got.extend({
      prefixUrl: options.url,
      headers: options.token === null ? {} : { authorization: `Token ${options.token}` },
      timeout: { request: REQUEST_TIMEOUT_MS },
      retry: { ...RETRIES, backoffLimit: backoffMs },
      followRedirect: false,
    });
  }

  /**
   * Has a file run.
   * @throws {PluginError} `ERR_SCAN_UNAVAILABLE` when too many wait, or CAPE cannot be asked or refuses;
   *         `ERR_SCAN_TIMEOUT` past `timeout`; `ERR_ABORTED` by the signal
   */
  async detonate(name: string, content: Buffer, signal: AbortSignal): Promise<CapeResult> {
    if (this.#running >= this.#options.tasks) await this.#turn(signal);
    else this.#running += 1;
    const late = AbortSignal.timeout(this.#options.timeout);
    const either = AbortSignal.any([signal, late]);
    try {
      const task = await this.#submit(name, content, either);
      return await this.#result(task, either);
    } catch (error) {
      if (signal.aborted) throw new PluginError('ERR_ABORTED', 'emulation aborted');
      if (late.aborted)
        throw new PluginError('ERR_SCAN_TIMEOUT', `CAPE took longer than ${this.#options.timeout} ms`);
      const why = error instanceof Error ? error.message : String(error);
      throw new PluginError('ERR_SCAN_UNAVAILABLE', `CAPE: ${why}`, {}, error);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Waits until a task before it ends, and takes its place. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING)
      throw new PluginError('ERR_SCAN_UNAVAILABLE', 'too many files wait for CAPE');
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(go);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(new PluginError('ERR_ABORTED', 'emulation aborted'));
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(go);
    });
  }

  async #submit(name: string, content: Buffer, signal: AbortSignal): Promise<number> {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(content)]), name === '' ? 'sample' : name);
    // As bytes: a form that was sent in part cannot be sent again.
    const encoded = new Response(form);
    const body = Buffer.from(await encoded.arrayBuffer());
    const headers = { 'content-type': encoded.headers.get('content-type')! };
    const answer = await this.#http.post('tasks/create/file/', { body, headers, signal }).json();
    const {
      error,
      error_value: why,
      data,
    } = (answer ?? {}) as { error?: unknown; error_value?: unknown; data?: { task_ids?: unknown } };
    const [task] = Array.isArray(data?.task_ids) ? (data.task_ids as unknown[]) : [];
    if (error === true || typeof task !== 'number')
      throw new Error(`refused the file: ${String(why ?? 'no task')}`);
    return task;
  }

  async #result(task: number, signal: AbortSignal): Promise<CapeResult> {
    for (;;) {
      const { data } = await this.#http.get(`tasks/status/${task}/`, { signal }).json<{ data?: unknown }>();
      if (typeof data === 'string' && data.startsWith('failed')) return { task, score: null, name: null };
      if (data === 'reported') break;
      await sleep(this.#options.interval, undefined, { signal });
    }
    const response = this.#http.get(`tasks/get/report/${task}/json/`, { signal });
    void response.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_REPORT) response.cancel();
    });
    const report = await response.json<{ malscore?: unknown; detections?: unknown; signatures?: unknown }>();
    return {
      task,
      score: typeof report.malscore === 'number' ? report.malscore : null,
      name: nameIn(report),
    };
  }
}

function nameIn({ detections, signatures }: { detections?: unknown; signatures?: unknown }): string | null {
  if (typeof detections === 'string' && detections !== '') return detections;
  const [family] = Array.isArray(detections) ? (detections as { family?: unknown }[]) : [];
  if (typeof family?.family === 'string') return family.family;
  const known = Array.isArray(signatures) ? (signatures as { name?: unknown; severity?: unknown }[]) : [];
  const [worst] = [...known].sort((a, b) => Number(b.severity ?? 0) - Number(a.severity ?? 0));
  return typeof worst?.name === 'string' ? worst.name : null;
}
