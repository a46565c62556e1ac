// The embedded engine as the blade sees it: small plain bodies are scanned on the spot, all others in a
// worker thread; with rules of users, everything in worker processes.

import { PluginError, workerOptions, type BladeMessage, type ErrorCode } from 'weir';
import { containerKind, detectType, multipartBoundary, parseCodings } from 'weir/detect';
import { EngineError, RuleEngine, type RuleFile } from './engine.ts';
import type { AntivirusOptions } from './options.ts';
import type { ScanJob, ScanResult } from './scan-job.ts';
import { startProcess, startThread } from './scan-host.ts';
import type { ScanSetup } from './scan-worker.ts';
import { WorkerPool } from './worker-pool.ts';
import { messageOf } from './text.ts';

/**
 * Largest body scanned on the main thread. The plugin's own rules need some 10 µs for it; a thread would
 * cost a copy and 100 µs. Rules of users never run here: a single bad pattern can take minutes.
 */
const INLINE_BYTES = 16 * 1024;

export class Scanner {
  readonly #budget: AntivirusOptions['budget'];
  readonly #pool: WorkerPool<ScanJob, ScanResult>;
  readonly #inline: RuleEngine | null;

  /** @param inline engine for small bodies; null where `rules` hold rules of users */
  private constructor(rules: readonly RuleFile[], inline: RuleEngine | null, options: AntivirusOptions) {
    this.#budget = options.budget;
    this.#inline = inline;
    const entry = workerOptions(import.meta.url, './scan-worker');
    const startHost = inline === null ? startProcess : startThread;
    const setup: ScanSetup = { rules, windowBytes: options.window };
    this.#pool = new WorkerPool({
      size: options.workers,
      timeoutMs: options.timeout,
      maxQueue: options.maxQueue,
      start: () => {
        const host = startHost(entry);
        host.post(setup);
        return host;
      },
    });
  }

  /**
   * Compiles the rules. The plugin's own are compiled here, those of users in a first process.
   * @throws {PluginError} `ERR_PLUGIN_OPTIONS` naming the file that does not compile;
   *         `ERR_SCAN_UNAVAILABLE` where the engine cannot be loaded
   */
  static async open(
    own: readonly RuleFile[],
    users: readonly RuleFile[],
    options: AntivirusOptions,
  ): Promise<Scanner> {
    let inline: RuleEngine;
    try {
      inline = RuleEngine.compile(own);
    } catch (error) {
      const code: ErrorCode = error instanceof EngineError ? error.code : 'ERR_PLUGIN_FAILED';
      throw new PluginError(code, messageOf(error), {}, error);
    }
    if (users.length === 0) return new Scanner(own, inline, options);
    const scanner = new Scanner([...own, ...users], null, options);
    await scanner.#pool.warmUp().catch(async (error: unknown) => {
      await scanner.close();
      throw error;
    });
    return scanner;
  }

  /** Scans a message's body. Errors: see `WorkerPool.run` and `runScan`. */
  async scan(message: BladeMessage, signal: AbortSignal): Promise<ScanResult> {
    const body = message.body;
    if (body === null || body.size === 0) return { hit: null, troubles: [] };
    const contentEncoding = message.header('content-encoding');
    const contentType = message.header('content-type');

    const { memory, file } = body;
    if (memory !== null && this.#inline !== null && memory.length <= INLINE_BYTES) {
      const plain = parseCodings(contentEncoding).length === 0 && multipartBoundary(contentType) === null;
      if (plain && containerKind(detectType(memory)?.name) === 'none') {
        const hit = this.#inline.scan(memory, 0);
        return { hit: hit === null ? null : { ...hit, path: '' }, troubles: [] };
      }
    }
    if (memory === null && file === null) {
      throw new PluginError('ERR_PLUGIN_FAILED', 'body is neither in memory nor in a file');
    }
    const bytes = memory === null ? null : new Uint8Array(memory);
    const job: ScanJob = { bytes, file, contentEncoding, contentType, budget: this.#budget };
    return this.#pool.run(job, signal, bytes === null ? [] : [bytes.buffer]);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
