// Reads .cpuprofile files (V8's format) and adds up the time spent in each function itself.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Id of the node on top of the stack at each sample. */
  readonly samples: readonly number[];
  /** Microseconds from the sample before to each sample. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** Function name, file and line (from 1). */
  readonly place: string;
  readonly micros: number;
  /** Of the busy time, 0 to 1. */
  readonly share: number;
}

/** Sampled while nothing ran; left out of the busy time. */
const IDLE = '(idle)';

function placeOf({ callFrame }: ProfileNode): string {
  const name = callFrame.functionName || '(anonymous)';
  if (callFrame.url === '') return name;
  // From the package's own folder or node_modules on: the rest only says where the checkout is.
  const file = callFrame.url.replace(/^file:\/\/.*\/(dist|node_modules)\//, '$1/');
  return `${name}  ${file}:${callFrame.lineNumber + 1}`;
}

/** The functions of a profile by falling self time, idle time left out. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node)]));
  const micros = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const place = places.get(id) ?? '(unknown)';
    if (place === IDLE) return;
    const delta = Math.max(profile.timeDeltas[index] ?? 0, 0);
    busy += delta;
    micros.set(place, (micros.get(place) ?? 0) + delta);
  });
  return [...micros]
    .map(([place, spent]) => ({ place, micros: spent, share: spent / busy }))
    .sort((left, right) => right.micros - left.micros);
}

/**
 * The top of the busiest thread's profile in a folder, as lines to print.
 *
 * @throws {Error} no profile is there: the process was killed before it could write one
 */
export function profileLines(folder: string, count: number): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
  const profiles = files.map((file) =>
    selfTimes(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile),
  );
  const busyOf = (times: readonly SelfTime[]): number => times.reduce((sum, time) => sum + time.micros, 0);
  const [busiest] = profiles.sort((left, right) => busyOf(right) - busyOf(left));
  if (busiest === undefined) throw new Error('no profile was written');
  const head = `busy ${(busyOf(busiest) / 1e6).toFixed(2)} s of the busiest of ${profiles.length} thread(s), self time:`;
  const lines = busiest.slice(0, count).map(({ place, micros, share }) => {
    return `${(share * 100).toFixed(1).padStart(5)} %  ${(micros / 1000).toFixed(0).padStart(6)} ms  ${place}`;
  });
  return [head, ...lines];
}
