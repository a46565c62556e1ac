// Reads a store from outside, while Weir writes it or after it has stopped. A last line that was cut off, by
// a kill or because it is being written, is left out.

import { readFile } from 'node:fs/promises';
import { IcapError, messageOf } from '../errors.ts';
import { segmentsIn } from './segments.ts';
import type { Segment } from './segments.ts';
import type { TraceRecord } from './types.ts';

export interface TracesRead {
  /** Newest last. */
  readonly traces: readonly TraceRecord[];
  /** Traces that were left out under load, as far as the files that were read tell. */
  readonly dropped: number;
}

/**
 * Looks for one trace.
 * @param id  of the transaction, or the one on a page; any case
 * @returns an empty list where there is none
 * @throws {IcapError} `ERR_TRACE_STORE`: the folder cannot be read
 */
export async function findTrace(folder: string, id: string): Promise<TracesRead> {
  const wanted = id.toUpperCase();
  const text = `"${wanted}"`;
  const traces: TraceRecord[] = [];
  let dropped = 0;
  for (const segment of (await segmentsOf(folder)).reverse()) {
    for (const line of await linesOf(
      segment,
      (bytes) => bytes.includes(text) || bytes.includes('"dropped":'),
    )) {
      if ('dropped' in line) dropped += line.dropped;
      else if (line.id === wanted || line.incident === wanted) traces.push(line);
    }
    if (traces.length > 0) break;
  }
  return { traces, dropped };
}

/**
 * The latest traces.
 * @param count  at most
 * @throws {IcapError} `ERR_TRACE_STORE`: the folder cannot be read
 */
export async function lastTraces(folder: string, count: number): Promise<TracesRead> {
  const traces: TraceRecord[] = [];
  let dropped = 0;
  for (const segment of (await segmentsOf(folder)).reverse()) {
    for (const line of await linesOf(segment, () => true)) {
      if ('dropped' in line) dropped += line.dropped;
      else traces.push(line);
    }
    if (traces.length >= count) break;
  }
  traces.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return { traces: traces.slice(-count), dropped };
}

async function segmentsOf(folder: string): Promise<Segment[]> {
  try {
    return await segmentsIn(folder);
  } catch (error) {
    throw new IcapError('ERR_TRACE_STORE', `cannot read ${folder}: ${messageOf(error)}`, { folder }, error);
  }
}

type StoredLine = TraceRecord | { readonly v: 1; readonly dropped: number };

async function linesOf(
  { file }: Segment,
  isWorthParsing: (line: string) => boolean,
): Promise<readonly StoredLine[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // removed meanwhile
    throw new IcapError('ERR_TRACE_STORE', `cannot read ${file}: ${messageOf(error)}`, { file }, error);
  }
  return text.split('\n').flatMap((line) => (isWorthParsing(line) ? (parsed(line) ?? []) : []));
}

function parsed(line: string): StoredLine | null {
  try {
    const value = JSON.parse(line) as StoredLine;
    return value.v === 1 ? value : null;
  } catch {
    return null;
  }
}
