// A connection that is not served: reads one request head, answers it with the reason, and closes. Never
// before the head is there: a client would pair the answer with its next request. S-17, S-403, S-503.

import type { Socket } from 'node:net';
import type { WeirError } from '../../errors.ts';
import { ByteCollector, findHeadEnd } from '../codec/byte-collector.ts';
import { REASONS } from './responses.ts';

const TURN_AWAY_MS = 2000; // at the latest it is closed

/**
 * Turns a connection away.
 * @param maxHead  bytes of a head that are waited for
 * @param onGone  called once the connection is closed
 */
export function turnAway(
  socket: Socket,
  error: WeirError,
  istag: string,
  maxHead: number,
  onGone: () => void,
): void {
  const head = new ByteCollector();
  const timer = setTimeout(() => socket.destroy(), TURN_AWAY_MS);
  socket.on('data', (chunk: Buffer) => {
    if (socket.writableEnded) return; // answered: read and forget
    const { end, bareLf } = findHeadEnd(head, chunk, 0);
    head.append(chunk, 0, chunk.length);
    if (end < 0 && !bareLf && head.length <= maxHead) return;
    head.take();
    socket.end(answer(error, istag), 'latin1');
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    clearTimeout(timer);
    onGone();
  });
}

function answer(error: WeirError, istag: string): string {
  const { icapStatus: status, message } = error;
  const reason = status === 403 ? `${REASONS[status]!}: ${message}` : REASONS[status]!;
  return `ICAP/1.0 ${status} ${reason}\r\nISTag: "${istag}"\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n`;
}
