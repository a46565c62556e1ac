// Entry of the thread that cleans one large document: one job, one reply.

import { parentPort } from 'node:worker_threads';
import { cleanDocument, type CleanOptions, type CleanResult } from './clean.ts';

parentPort!.once('message', ({ bytes, options }: { bytes: Uint8Array; options: CleanOptions }) => {
  void cleanDocument(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), options).then(
    (result) => {
      parentPort!.postMessage(result satisfies CleanResult);
    },
  );
});
