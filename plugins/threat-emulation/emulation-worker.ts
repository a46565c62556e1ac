// Entry of an emulation thread: one job after the other. Nothing that the content does leaves this thread;
// a job that does not come back is ended with it.

import { parentPort } from 'node:worker_threads';
import { analyse } from './analysis.ts';
import type { Analysis, AnalysisJob } from './analysis-job.ts';

export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly analysis: Analysis }
  | { readonly kind: 'failed'; readonly message: string };

parentPort?.on('message', (job: AnalysisJob) => {
  analyse(job).then(
    (analysis) => {
      const buffers = analysis.drops.map(({ bytes }) => bytes.buffer as ArrayBuffer);
      parentPort!.postMessage({ kind: 'done', analysis } satisfies WorkerReply, buffers);
    },
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      parentPort!.postMessage({ kind: 'failed', message } satisfies WorkerReply);
    },
  );
});
parentPort?.postMessage({ kind: 'ready' } satisfies WorkerReply);
