// Reads what a parent proxy answers before the bytes of a tunnel begin: exactly that much, and what lies
// behind it stays in the socket.

import type { Socket } from 'node:net';

const MAX_REPLY = 64 * 1024; // bytes

export interface ReplyEvents<T> {
  onReply(reply: T): void;
  /** Closed, failed, too long, or `parse` threw. */
  onFailed(error: NodeJS.ErrnoException): void;
}

/**
 * Reads one reply.
 *
 * @param socket  paused or new; paused again when the reply is there
 * @param parse  null while more bytes are needed; `length` is what the reply takes of them
 * @returns stops reading; nothing is told afterwards
 */
export function readReply<T>(
  socket: Socket,
  parse: (bytes: Buffer) => { reply: T; length: number } | null,
  events: ReplyEvents<T>,
): () => void {
  let bytes: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    socket.off('error', fail);
    socket.pause();
  };
  const fail = (error: Error): void => {
    stop();
    events.onFailed(error);
  };
  const onEnd = (): void => {
    fail(Object.assign(new Error('it closed the connection'), { code: 'ECONNRESET' }));
  };
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    let found: { reply: T; length: number } | null;
    try {
      found = parse(bytes);
    } catch (error) {
      return fail(error as Error);
    }
    if (found === null) {
      if (bytes.length > MAX_REPLY) fail(new Error(`its answer is longer than ${MAX_REPLY} bytes`));
      return;
    }
    stop();
    if (found.length < bytes.length) socket.unshift(bytes.subarray(found.length));
    events.onReply(found.reply);
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', fail);
  socket.resume();
  return stop;
}
