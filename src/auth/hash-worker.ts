// The thread that compares passwords with bcrypt and argon2id hashes: WebAssembly that takes tenths of a
// second at a time. One comparison after the other; hash-thread.ts asks.

import { parentPort } from 'node:worker_threads';
import { argon2Verify, bcryptVerify } from 'hash-wasm';
import type { HashAnswer, HashQuestion } from './hash-thread.ts';

let last: Promise<void> = Promise.resolve();

parentPort!.on('message', (question: HashQuestion) => {
  last = last.then(() => answer(question));
});

async function answer({ id, kind, password, encoded }: HashQuestion): Promise<void> {
  let reply: HashAnswer;
  try {
    const verify = kind === 'bcrypt' ? bcryptVerify : argon2Verify;
    reply = { id, matches: await verify({ password, hash: encoded }), error: null };
  } catch (error) {
    reply = { id, matches: false, error: String(error) };
  }
  parentPort!.postMessage(reply);
}
