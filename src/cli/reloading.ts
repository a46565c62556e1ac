// When a running Weir takes over its configuration anew: at SIGHUP, and when the configuration file or one
// that it names has changed. One reload at a time; what it does to connections is src/app/reload.ts.

import { stat } from 'node:fs/promises';
import type { ReloadResult, RunningWeir } from '../app.ts';
import { ConfigProblemsError, formatProblems, type ResolvedConfig } from '../config/load.ts';
import { type FileWatch, watchFiles } from '../config/watch.ts';
import { isWeirError, messageOf } from '../errors.ts';
import { reportError } from './report-error.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

export interface LoadedForServing {
  readonly config: ResolvedConfig;
  /** Absolute path of the configuration file; null: the defaults are in force. */
  readonly file: string | null;
}

export interface ReloadingOptions {
  readonly weir: RunningWeir;
  /** What the start went by. */
  readonly loaded: LoadedForServing;
  readonly terminal: Terminal;
  /** Reads the configuration again: that file, or where there was none whatever a start would find. */
  load(file: string | null): Promise<LoadedForServing>;
  /** Told of each configuration that is in force. */
  onApplied(config: ResolvedConfig): void;
}

export class Reloading {
  readonly #options: ReloadingOptions;
  #file: string | null;
  #config: ResolvedConfig;
  #watch: FileWatch | null = null;
  #running = false;
  #again: 'signal' | 'change' | null = null;
  #closed = false;

  private constructor(options: ReloadingOptions) {
    this.#options = options;
    this.#file = options.loaded.file;
    this.#config = options.loaded.config;
  }

  /** Begins to watch, if the configuration says so. */
  static async start(options: ReloadingOptions): Promise<Reloading> {
    const reloading = new Reloading(options);
    await reloading.#followFiles();
    return reloading;
  }

  /** Reloads now, or once more after the reload that runs. Never throws. */
  onSignal(): void {
    this.#request('signal');
  }

  /**
   * Reloads for somebody who waits for it.
   * @throws what refuses it; the former configuration stays in force then
   */
  async now(): Promise<ReloadResult> {
    await this.#watch?.sync();
    return this.#takeOver();
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  #request(why: 'signal' | 'change'): void {
    if (this.#closed) return;
    if (this.#running) {
      if (this.#again !== 'signal') this.#again = why;
      return;
    }
    this.#running = true;
    void this.#run(why).finally(() => {
      this.#running = false;
      const again = this.#again;
      this.#again = null;
      if (again !== null) this.#request(again);
    });
  }

  async #run(why: 'signal' | 'change'): Promise<void> {
    try {
      await this.#watch?.sync();
      if (why === 'change' && (await this.#isEmptied())) return;
      await this.#takeOver();
    } catch (error) {
      if (!this.#closed) this.#refused(error);
    }
  }

  async #takeOver(): Promise<ReloadResult> {
    const { weir, terminal, load, onApplied } = this.#options;
    const { config, file } = await load(this.#file);
    const result = await weir.reload(config);
    this.#file = file;
    this.#config = config;
    onApplied(config);
    for (const line of linesOf(result)) terminal.stderr.write(`${line}\n`);
    await this.#followFiles();
    return result;
  }

  #refused(error: unknown): void {
    const { weir, terminal } = this.#options;
    reportError(error, terminal);
    terminal.stderr.write('weir: reload refused, the former configuration stays in force\n');
    const lines =
      error instanceof ConfigProblemsError ? formatProblems(error.problems, error.file) : [messageOf(error)];
    const code = isWeirError(error) ? error.code : null;
    weir.event('error', `reload refused: ${lines.join('; ')}`, { code });
  }

  /** Written in two steps, a file is empty for a moment; and empty it would mean all defaults. */
  async #isEmptied(): Promise<boolean> {
    if (this.#file === null) return false;
    const facts = await stat(this.#file).catch(() => null);
    if (facts?.size !== 0) return false;
    const { weir, terminal } = this.#options;
    const name = shortPath(this.#file, terminal.cwd);
    const message = `${name} is empty, the former configuration stays in force; SIGHUP takes the defaults over`;
    terminal.stderr.write(`weir: ${message}\n`);
    weir.event('warn', message, {});
    return true;
  }

  async #followFiles(): Promise<void> {
    const wanted = this.#config.reload.watch && !this.#closed;
    if (!wanted) {
      this.#watch?.close();
      this.#watch = null;
      return;
    }
    const paths = [...(this.#file === null ? [] : [this.#file]), ...this.#options.weir.watched];
    if (this.#watch === null) this.#watch = await watchFiles(paths, () => this.#request('change'));
    else await this.#watch.setPaths(paths);
    if (this.#closed) this.#watch.close();
  }
}

function linesOf({ applied, needsRestart, warnings }: ReloadResult): string[] {
  const what = applied.length === 0 ? 'nothing has changed' : applied.join(', ');
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    `weir: configuration reloaded: ${what}`,
    ...(needsRestart.length === 0 ? [] : [`weir: needs a restart: ${needsRestart.join(', ')}`]),
  ];
}
