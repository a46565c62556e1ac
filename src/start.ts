// `startWeir` for the public exports: loads both halves when they are wanted. Plugins import the same exports in
// threads and processes of their own, which start without the proxy several times as fast.

import type { RunningWeir, startWeir as start } from './app.ts';

/**
 * Starts the halves.
 * @throws {WeirError} as `startWeir` of app.ts, whose this is
 */
export async function startWeir(...args: Parameters<typeof start>): Promise<RunningWeir> {
  const app = await import('./app.ts');
  return app.startWeir(...args);
}
