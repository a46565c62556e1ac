// One OPTIONS request over a connection: sends it and reads the answer to its end, a body included, which
// is dropped. RFC 3507 §4.10; K-05.

import type { IcapResponseHead } from '../codec/head.ts';
import type { ConnectionUser, IcapClientConnection } from './connection.ts';

/**
 * @param request  start line to closing blank line
 * @param release  called when the connection may carry something else
 * @returns the head of the answer; rejects with what the connection was lost for
 */
export function exchangeOptions(
  connection: IcapClientConnection,
  request: string,
  timeoutMs: number,
  release: (connection: IcapClientConnection) => void,
): Promise<IcapResponseHead> {
  return new Promise((resolve, reject) => {
    let head: IcapResponseHead | null = null;
    let ended = false;
    const user: ConnectionUser = {
      onMessage: (received) => {
        head = received;
      },
      onBytes: () => {},
      onData: () => {},
      onEnd: () => {
        ended = true;
      },
      afterRead: () => {
        if (!ended || head === null) return;
        if (head.close) connection.destroy();
        else release(connection);
        resolve(head);
      },
      onDrain: () => {},
      onLost: reject,
    };
    connection.assign(user, 'OPTIONS');
    connection.deadlineAt = performance.now() + timeoutMs;
    connection.socket.write(request, 'latin1');
  });
}
