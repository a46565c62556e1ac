// The files of the store: `trace-<time>-<process>-<number>.jsonl`, oldest first by name. Decides which of
// them go; several processes may share a folder, each appends only to files of its own.

import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

const NAME = /^trace-\d{13}-\d{1,10}-\d{1,10}\.jsonl$/;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface Segment {
  readonly file: string;
  readonly bytes: number;
  /** When it was last written, in milliseconds since 1970. */
  readonly changedAtMs: number;
}

let opened = 0;

/** Makes a new segment, and its folder where there is none. Rejects as node does. */
export async function openSegment(folder: string): Promise<{ file: string; handle: FileHandle }> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const number = ++opened;
  const file = path.join(
    folder,
    `trace-${String(Date.now()).padStart(13, '0')}-${process.pid}-${number}.jsonl`,
  );
  return { file, handle: await open(file, 'ax', FILE_MODE) };
}

/** All segments of a folder, oldest first; none where there is no folder. Rejects as node does otherwise. */
export async function segmentsIn(folder: string): Promise<Segment[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const segments: Segment[] = [];
  for (const name of names.filter((entry) => NAME.test(entry)).sort()) {
    const file = path.join(folder, name);
    try {
      const { size, mtimeMs } = await stat(file);
      segments.push({ file, bytes: size, changedAtMs: mtimeMs });
    } catch {
      // removed meanwhile
    }
  }
  return segments;
}

/**
 * Removes segments that are too old, then the oldest until the others fit.
 * @param room  bytes that all of them together may have
 * @param maxAgeMs  since they were last written
 * @param own  stays whatever its age; the one that is written to
 */
export async function pruneSegments(
  folder: string,
  room: number,
  maxAgeMs: number,
  own: string | null,
): Promise<void> {
  const segments = (await segmentsIn(folder)).filter(({ file }) => file !== own);
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const oldest = Date.now() - maxAgeMs;
  for (const segment of segments) {
    if (bytes <= room && segment.changedAtMs >= oldest) continue;
    await unlink(segment.file).catch(() => {});
    bytes -= segment.bytes;
  }
}
