// What each worker must know of the others, because limits hold for all processes together, and how load
// moves between them. Far from the limits nobody is told anything: a quiet pool exchanges heartbeats only.

import type { WorkerProcess } from './worker-process.ts';

/** Adds counts by name to a sum. */
export function addCounts(sum: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
}

/**
 * Tells every worker what the others serve.
 * @param most  requests of all services at a time
 * @param mostOf  the same of one service, by its path
 */
export function shareLoad(
  workers: readonly WorkerProcess[],
  most: number,
  mostOf: (path: string) => number,
): void {
  const all: Record<string, number> = {};
  let busy = 0;
  for (const { state } of workers) {
    busy += state.busy;
    addCounts(all, state.services);
  }
  const near = isNear(busy, most) || Object.entries(all).some(([path, count]) => isNear(count, mostOf(path)));
  for (const worker of workers) {
    if (!near) {
      worker.tellElsewhere(0, {});
      continue;
    }
    const services = { ...all };
    for (const [path, count] of Object.entries(worker.state.services)) services[path]! -= count;
    worker.tellElsewhere(busy - worker.state.busy, services);
  }
}

/**
 * Connections stay with their worker: one that serves more requests than its share lets some go behind
 * their answers, for the others to take them.
 * @returns how many connections were asked for
 */
export function relieveCrowded(serving: readonly WorkerProcess[], perProcess: number): number {
  const room = serving.reduce((sum, { state }) => sum + Math.max(perProcess - state.busy, 0), 0);
  if (room === 0) return 0;
  let asked = 0;
  for (const worker of serving) {
    const over = Math.min(worker.state.busy - perProcess, room);
    if (over <= 0) continue;
    worker.shed(over);
    asked += over;
  }
  return asked;
}

/** From half of it on. */
function isNear(count: number, limit: number): boolean {
  return count * 2 >= limit;
}
