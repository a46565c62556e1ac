// The exchange of one plugin in all worker processes: prepared in every one of them, or in none.

import type { WorkerProcess } from './worker-process.ts';

/** What waits to be put in force; exactly one of the two is called. */
export interface PreparedWorkers {
  apply(): void;
  discard(): void;
}

/** @throws {WeirError} `ERR_PLUGIN_…`, `ERR_GATEWAY_WORKER`: what one of them says; all are as they were then */
export async function preparePlugin(
  workers: readonly WorkerProcess[],
  name: string,
): Promise<PreparedWorkers> {
  const discard = (): void => workers.forEach((worker) => worker.discardPlugin());
  const outcomes = await Promise.allSettled(workers.map((worker) => worker.preparePlugin(name)));
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  if (refused !== undefined) {
    discard();
    throw refused.reason;
  }
  return { apply: () => workers.forEach((worker) => worker.applyPlugin()), discard };
}
