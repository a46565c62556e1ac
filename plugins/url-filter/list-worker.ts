// Entry of the thread that reads long lists: one job, one reply, then it ends.

import { parentPort } from 'node:worker_threads';
import { buildLists, ListError, type BuildJob, type BuiltLists } from './lists.ts';

export type ListReply =
  | { readonly built: BuiltLists }
  /** `ours`: a list is at fault, not the program. */
  | { readonly error: string; readonly ours: boolean };

parentPort!.once('message', (job: BuildJob) => {
  buildLists(job).then(
    (built) =>
      parentPort!.postMessage({ built } satisfies ListReply, [
        built.table.words.buffer,
        built.table.index.buffer,
      ]),
    (error: unknown) =>
      parentPort!.postMessage({
        error: error instanceof Error ? error.message : String(error),
        ours: error instanceof ListError,
      } satisfies ListReply),
  );
});
