// Keeps reports as JSON files in one folder, a bounded number of them. File names begin with the time, so
// that their order is the order of the names; the folder is read once and then remembered.

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EmulationReport } from './report.ts';

const NAME = /^(\d{8}T\d{9}Z)-(te-[0-9a-f]{12})\.json$/;

export class ReportStore {
  readonly #folder: string;
  readonly #keep: number;
  /** Names of the files, oldest first; null until the folder was read. */
  #names: string[] | null = null;
  #last: Promise<void> = Promise.resolve();

  /** @param keep reports at most; the oldest are removed */
  constructor(folder: string, keep: number) {
    this.#folder = path.resolve(folder);
    this.#keep = keep;
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
    const name = (await this.#list()).find((one) => NAME.exec(one)?.[2] === id);
    if (name === undefined) return null;
    try {
      return JSON.parse(await readFile(path.join(this.#folder, name), 'utf8')) as EmulationReport;
    } catch {
      return null; // removed meanwhile, or damaged
    }
  }

  /** Ids of the latest reports, newest first. */
  async latest(count: number): Promise<string[]> {
    const names = (await this.#list()).slice(-count).reverse();
    return names.map((name) => NAME.exec(name)![2]!);
  }

  /** Settles when what was given to `save` is on disk. */
  async close(): Promise<void> {
    await this.#last;
  }

  async #write(report: EmulationReport): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = await this.#list();
    const name = `${report.at.replace(/[-:.]/g, '')}-${report.id}.json`;
    const part = path.join(this.#folder, `.${name}.part`);
    await writeFile(part, `${JSON.stringify(report)}\n`, { mode: 0o600 });
    await rename(part, path.join(this.#folder, name));
    names.push(name);
    while (names.length > this.#keep) await rm(path.join(this.#folder, names.shift()!), { force: true });
  }

  async #list(): Promise<string[]> {
    this.#names ??= (await readdir(this.#folder).catch(() => [])).filter((name) => NAME.test(name)).sort();
    return this.#names;
  }
}
