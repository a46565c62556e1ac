// One OPTIONS request over a connection: sends it and reads the answer to its end, a body included, which
// is dropped. The head is kept as it came, for people to look at. RFC 3507 §4.10; K-05.

import type { IcapResponseHead } from '../codec/head.ts';
import type { ConnectionUser, IcapClientConnection } from './connection.ts';

const MAX_KEPT = 16 * 1024; // bytes of a head

export interface OptionsAnswer {
  readonly head: IcapResponseHead;
  /** Status line to closing blank line as they came; the first 16 KiB of them. */
  readonly headBytes: Buffer;
  /** Bytes that the head had. */
  readonly headLength: number;
}

/**
 * @param request  start line to closing blank line
 * @param release  called when the connection may carry something else
 * @returns what was answered; rejects with what the connection was lost for
 */
export function exchangeOptions(
  connection: IcapClientConnection,
  request: string,
  timeoutMs: number,
  release: (connection: IcapClientConnection) => void,
): Promise<OptionsAnswer> {
  return new Promise((resolve, reject) => {
    let head: IcapResponseHead | null = null;
    let ended = false;
    let received = Buffer.alloc(0);
    const user: ConnectionUser = {
      onMessage: (received) => {
        head = received;
      },
      onBytes: (chunk) => {
        if (head === null) received = Buffer.concat([received, chunk]); // bounded as heads are
      },
      onData: () => {},
      onEnd: () => {
        ended = true;
      },
      afterRead: () => {
        if (!ended || head === null) return;
        if (head.close) connection.destroy();
        else release(connection);
        const headLength = headEnd(received);
        // A copy: a body that came with it is not kept.
        resolve({
          head,
          headBytes: Buffer.from(received.subarray(0, Math.min(headLength, MAX_KEPT))),
          headLength,
        });
      },
      onDrain: () => {},
      onLost: reject,
    };
    connection.assign(user, 'OPTIONS');
    connection.deadlineAt = performance.now() + timeoutMs;
    connection.socket.write(request, 'latin1');
  });
}

/** Behind the blank line, after CRLF or a bare LF; all of it where there is none. */
function headEnd(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const { index = text.length, 0: blank = '' } = /\n\r?\n/.exec(text) ?? {};
  return index + blank.length;
}
