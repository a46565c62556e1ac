// From list files to a table: reads each line by line and hashes what it says. Runs in a thread of its own
// for long lists (list-worker.ts); imports nothing but its neighbours, so that such a thread starts fast.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { KIND } from './host-hash.ts';
import { TableBuilder, type TableData } from './host-table.ts';
import { readLine, type Entry, type LeftOut, type ListFormat } from './list-line.ts';

/** What a category is made of. */
export interface CategorySource {
  readonly name: string;
  /** Absolute paths. */
  readonly lists: readonly string[];
  readonly format: ListFormat;
  /** Lines of the configuration itself, of any form. */
  readonly entries: readonly string[];
}

export interface BuildJob {
  readonly seed: number;
  readonly categories: readonly CategorySource[];
  readonly maxEntries: number;
  readonly maxPatterns: number;
}

/** Lists are numbered 2n for what category n has, 2n + 1 for its exceptions. */
export interface BuiltLists {
  readonly table: TableData;
  readonly patterns: readonly { readonly list: number; readonly text: string }[];
  readonly report: readonly CategoryReport[];
}

export interface CategoryReport {
  readonly name: string;
  /** Entries and patterns that have an effect. */
  readonly entries: number;
  /** Lines without effect, by reason. */
  readonly leftOut: Readonly<Record<LeftOut, number>>;
}

/** Raised for lists that cannot be used; the message names the file and what to do. */
export class ListError extends Error {}

/** @throws {ListError} a file cannot be read, or all of them have more entries than are allowed */
export async function buildLists(job: BuildJob): Promise<BuiltLists> {
  const table = new TableBuilder(job.seed);
  const patterns: { list: number; text: string }[] = [];
  const report: CategoryReport[] = [];
  for (const [number, category] of job.categories.entries()) {
    const leftOut: Record<LeftOut, number> = { options: 0, regex: 0, elements: 0, unreadable: 0 };
    let entries = 0;
    const add = (entry: Entry): void => {
      const list = 2 * number + (entry.exception ? 1 : 0);
      entries += 1;
      if (entry.kind === 'pattern') patterns.push({ list, text: entry.pattern });
      else if (entry.kind === 'path') table.add(list, KIND.path, entry.host, entry.path);
      else table.add(list, KIND[entry.kind], entry.host);
    };
    const leave = (why: LeftOut): void => void (leftOut[why] += 1);
    for (const text of category.entries) readLine(text, 'auto', add, leave);
    for (const file of category.lists) {
      for await (const line of linesOf(file)) {
        readLine(line, category.format, add, leave);
        if (table.size > job.maxEntries) {
          throw new ListError(`${file}: more than ${job.maxEntries} entries in all lists: raise maxEntries`);
        }
        if (patterns.length > job.maxPatterns) {
          throw new ListError(
            `${file}: more than ${job.maxPatterns} patterns in all lists: raise maxPatterns`,
          );
        }
      }
    }
    report.push({ name: category.name, entries, leftOut });
  }
  return { table: table.finish(), patterns, report };
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
    if (input.errored !== null) throw input.errored;
  } catch (error) {
    throw new ListError(`${file} cannot be read: ${(error as Error).message}`);
  } finally {
    input.destroy();
  }
}
