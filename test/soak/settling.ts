// What a process must have given back when nothing is under way any more: memory, descriptors and connections to
// services.

import { setTimeout as sleep } from 'node:timers/promises';
import { descriptors } from '../streams/weir-child.ts';
import type { WeirInstance } from './processes.ts';
import { TOKEN } from './setting.ts';

const MEBIBYTE = 1024 * 1024;
const STILL_MS = 250;
const SETTLE_LIMIT_MS = 30_000;

export interface MemoryFigures {
  /** MiB. */
  readonly heap: number;
  /** MiB of buffers outside the heap. */
  readonly buffers: number;
  /** MiB. */
  readonly resident: number;
}

/** Memory once garbage is gone; the smallest of a few looks, since caches and pools come and go. */
export async function memoryOf(weir: WeirInstance): Promise<MemoryFigures> {
  let least: MemoryFigures | null = null;
  for (let look = 0; look < 3; look++) {
    if (look > 0) await sleep(STILL_MS);
    const { heapUsed, arrayBuffers, rss } = await weir.memory();
    const [heap, buffers, resident] = [heapUsed, arrayBuffers, rss].map((n) => Math.round(n / MEBIBYTE));
    if (least === null || heap! + buffers! < least.heap + least.buffers)
      least = { heap: heap!, buffers: buffers!, resident: resident! };
  }
  return least!;
}

/** Open descriptors of a process: sockets, and all others. */
export interface DescriptorCounts {
  readonly sockets: number;
  readonly files: number;
}

export function descriptorCounts(pid: number): DescriptorCounts {
  const names = descriptors(pid);
  const sockets = names.filter((name) => name.startsWith('socket:')).length;
  return { sockets, files: names.length - sockets };
}

/** Asks until `holds` is true or time is up. @returns whether it came true */
export async function settles(
  holds: () => boolean | Promise<boolean>,
  limitMs = SETTLE_LIMIT_MS,
): Promise<boolean> {
  const giveUpAt = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) return false;
    await sleep(STILL_MS);
  }
  return true;
}

interface ServiceConnections {
  readonly name: string;
  readonly connections: { readonly open: number; readonly idle: number } | null;
}

/** Services that hold connections which are neither idle nor of use to anybody, as the dashboard tells it. */
export async function busyServices(dashboardPort: number): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${dashboardPort}/api/services`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  if (!response.ok) throw new Error(`the dashboard answered ${response.status}`);
  const { services } = (await response.json()) as { services: ServiceConnections[] };
  return services
    .filter(({ connections }) => connections !== null && connections.open !== connections.idle)
    .map(({ name, connections }) => `${name} (${connections!.open} open, ${connections!.idle} idle)`);
}
