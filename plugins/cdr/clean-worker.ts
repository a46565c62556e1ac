// Entry of the thread that cleans one large body: one job, one reply.

import { parentPort } from 'node:worker_threads';
import { cleanContent, type ContentResult } from './clean-content.ts';
import type { CleanOptions } from './clean.ts';

export interface CleanJob {
  readonly bytes: Uint8Array;
  readonly boundary: string | null;
  readonly options: CleanOptions;
}

parentPort!.once('message', ({ bytes, boundary, options }: CleanJob) => {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  void cleanContent(body, boundary, options).then((result) => {
    parentPort!.postMessage(result satisfies ContentResult);
  });
});
