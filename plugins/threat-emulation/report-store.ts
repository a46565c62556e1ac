// Keeps reports as JSON files in one folder, bounded by count, bytes and age. File names begin with the time,
// so that their order is the order of the names. Several processes share the folder: nothing of it is kept in
// memory, so that each finds what the others wrote.

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EmulationReport } from './report.ts';

const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-(te-[0-9a-f]{12})\.json$/;
const MAX_BYTES = 64 * 2 ** 20;
const MAX_AGE_MS = 30 * 24 * 3_600_000;
const MEASURE_EVERY = 16; // reports written between two looks at the sizes of all

export class ReportStore {
  readonly #folder: string;
  readonly #keep: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  #written = 0;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param keep reports at most; the oldest are removed
   * @param maxBytes of all files together, but for what up to 15 reports may add until it is looked at again
   */
  constructor(folder: string, keep: number, maxBytes = MAX_BYTES, maxAgeMs = MAX_AGE_MS) {
    this.#folder = path.resolve(folder);
    this.#keep = keep;
    this.#maxBytes = maxBytes;
    this.#maxAgeMs = maxAgeMs;
  }

  /**
   * Writes a report; one after the other, and a reader never sees half of one.
   * @throws {Error} of the file system
   */
  save(report: EmulationReport): Promise<void> {
    const saved = this.#last.then(() => this.#write(report));
    this.#last = saved.catch(() => {});
    return saved;
  }

  /** The report of that id, or null. */
  async read(id: string): Promise<EmulationReport | null> {
    const name = (await this.#list()).find((one) => idOf(one) === id);
    if (name === undefined) return null;
    try {
      return JSON.parse(await readFile(path.join(this.#folder, name), 'utf8')) as EmulationReport;
    } catch {
      return null; // removed meanwhile, or damaged
    }
  }

  /** As `read`, for whoever asks all plugins. */
  find(id: string): Promise<EmulationReport | null> {
    return this.read(id);
  }

  /** Ids of the latest reports, newest first. */
  async latest(count: number): Promise<string[]> {
    return (await this.#list()).slice(-count).reverse().map(idOf);
  }

  /** Settles when what was given to `save` is on disk. */
  async close(): Promise<void> {
    await this.#last;
  }

  async #write(report: EmulationReport): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const name = `${report.at.replace(/[-:.]/g, '')}-${report.id}.json`;
    const part = path.join(this.#folder, `.${name}.part`);
    await writeFile(part, `${JSON.stringify(report)}\n`, { mode: 0o600 });
    await rename(part, path.join(this.#folder, name));
    await this.#trim(this.#written++ % MEASURE_EVERY === 0);
  }

  /** @param measures  looks at the sizes too; the newest report stays, however large */
  async #trim(measures: boolean): Promise<void> {
    const names = await this.#list();
    const oldest = Date.now() - this.#maxAgeMs;
    let bytes = 0;
    for (const [age, name] of names.reverse().entries()) {
      const file = path.join(this.#folder, name);
      if (measures) bytes += (await stat(file).catch(() => null))?.size ?? 0;
      const isOver = age >= this.#keep || bytes > this.#maxBytes || timeOf(name) < oldest;
      if (age > 0 && isOver) await rm(file, { force: true });
    }
  }

  /** Names of the reports, oldest first. */
  async #list(): Promise<string[]> {
    return (await readdir(this.#folder).catch(() => [])).filter((name) => NAME.test(name)).sort();
  }
}

function idOf(name: string): string {
  return NAME.exec(name)![8]!;
}

function timeOf(name: string): number {
  const [year, month, day, hour, minute, second, ms] = NAME.exec(name)!.slice(1, 8).map(Number);
  return Date.UTC(year!, month! - 1, day, hour, minute, second, ms);
}
