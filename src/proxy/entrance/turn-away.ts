// Closes a connection that is not served: with a page where its client speaks HTTP, so that somebody can
// read why, and without a word elsewhere.

import type { Socket } from 'node:net';
import type { WeirError } from '../../errors.ts';
import { encodeSmallMessage } from '../../http/body-writer.ts';
import { formatFields } from '../../icap/codec/fields.ts';
import { newIncidentId } from '../../util/incident-id.ts';
import { errorAnswer } from '../answers.ts';

const LINGER_MS = 2000;
const MAX_LINGERING = 256; // connections; further ones are cut at once

let lingering = 0;

/** @param withPage  the client speaks HTTP, as far as is known */
export function turnAway(socket: Socket, error: WeirError, withPage: boolean): void {
  socket.on('error', () => socket.destroy());
  if (!withPage || lingering >= MAX_LINGERING) return void socket.destroy();
  const { status, reason, headers, body } = errorAnswer(error, newIncidentId(), '', null);
  const retry = status === 429 || status === 503 ? 'Retry-After: 1\r\n' : '';
  const head = `HTTP/1.1 ${status} ${reason}\r\n${formatFields(headers)}${retry}Connection: close\r\n\r\n`;
  const page = body === null ? null : encodeSmallMessage(head, body, { kind: 'close' });
  // The request is read and dropped for a while: closed before, the page would be lost with it.
  lingering++;
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => {
    clearTimeout(cut);
    lingering--;
  });
  socket.on('end', () => socket.destroySoon());
  socket.end(page ?? head);
  socket.resume();
}
