// The embedded engine as the blade sees it: small plain bodies are scanned on the spot, all others in a
// worker thread; with rules of users, everything in worker processes.

import { PluginError, workerOptions, type BladeMessage, type ErrorCode } from 'weir';
import { isPlain, multipartBoundary, parseCodings } from 'weir/detect';
import { canary } from './canary.ts';
import { EngineError, RuleEngine, type RuleFile } from './engine.ts';
import type { AntivirusOptions } from './options.ts';
import { hashRules } from './rules-folder.ts';
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
   * Compiles the rules and tries them. The plugin's own are compiled here, those of users in a first process.
   * @throws {PluginError} `ERR_PLUGIN_OPTIONS` naming the file that does not compile, or that with them the
   *         EICAR test file is not found; `ERR_SCAN_UNAVAILABLE` where the engine cannot be loaded
   */
  static async open(
    own: readonly RuleFile[],
    users: readonly RuleFile[],
    options: AntivirusOptions,
  ): Promise<Scanner> {
    let inline: RuleEngine;
    try {
      inline = compiledOnce(own);
    } catch (error) {
      const code: ErrorCode = error instanceof EngineError ? error.code : 'ERR_PLUGIN_FAILED';
      throw new PluginError(code, messageOf(error), {}, error);
    }
    const alone = users.length === 0;
    const scanner = new Scanner([...own, ...users], alone ? inline : null, options);
    try {
      if (!alone) await scanner.#pool.warmUp();
      await scanner.#tryCanary();
      return scanner;
    } catch (error) {
      await scanner.close();
      throw error;
    }
  }

  async #tryCanary(): Promise<void> {
    const bytes = new Uint8Array(canary());
    const { hit } =
      this.#inline === null
        ? await this.#pool.run({
            bytes,
            file: null,
            contentEncoding: undefined,
            contentType: undefined,
            budget: this.#budget,
          })
        : { hit: this.#inline.scan(Buffer.from(bytes), 0) };
    if (hit !== null) return;
    throw new PluginError(
      'ERR_PLUGIN_OPTIONS',
      'antivirus rules: with these rules the EICAR test file is not found, so others would be missed too: ' +
        'look for `global` rules, which hide all others where they do not match',
    );
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
      if (plain && isPlain(memory)) {
        const hit = this.#inline.scan(memory, 0);
        return { hit: hit === null ? null : { ...hit, path: '' }, troubles: [] };
      }
    }
    if (memory === null && file === null) {
      throw new PluginError('ERR_PLUGIN_FAILED', 'body is neither in memory nor in a file');
    }
    const bytes = memory === null ? null : new Uint8Array(memory);
    const { maxDepth } = this.#budget;
    const budget = { ...this.#budget, maxDepth: Math.min(maxDepth, message.limits?.depth ?? maxDepth) };
    const job: ScanJob = { bytes, file, contentEncoding, contentType, budget };
    return this.#pool.run(job, signal, bytes === null ? [] : [bytes.buffer]);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

let lastCompiled: { readonly hash: string; readonly engine: RuleEngine } | null = null;

/** The plugin's own rules do not change from one set-up to the next, and compiling blocks the thread. */
function compiledOnce(rules: readonly RuleFile[]): RuleEngine {
  const hash = hashRules(rules);
  if (lastCompiled?.hash !== hash) lastCompiled = { hash, engine: RuleEngine.compile(rules) };
  return lastCompiled.engine;
}
