// Syslog messages (RFC 5424) and how they are framed on streams (RFC 6587: octet counting, or a line feed at the
// end). A message that is too long for its way is made shorter by its values, so that it stays well-formed.

import type { SiemFormat } from './formats.ts';
import { formatEvent } from './formats.ts';
import type { SiemEvent } from './siem-event.ts';

export const FACILITIES = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6'],
  'local7',
] as const;

export type Facility = (typeof FACILITIES)[number];

/** RFC 5424 §6.2.1: 6 informational, 5 notice, 4 warning, 3 error, 2 critical. */
const LEVELS: Readonly<Record<SiemEvent['severity'], number>> = {
  info: 6,
  low: 5,
  medium: 4,
  high: 3,
  critical: 2,
};
const VALUE_LIMITS = [2048, 512, 128, 32]; // characters, tried one after the other

export interface MessageOptions {
  readonly format: SiemFormat;
  readonly facility: Facility;
  /** Name of this machine. */
  readonly hostName: string;
  /** Bytes of a message, its header included. */
  readonly maxBytes: number;
}

/** `<PRI>1 time host weir pid type - content`; never longer than `maxBytes`. */
export function syslogMessage(event: SiemEvent, options: MessageOptions): Buffer {
  const { format, facility, hostName, maxBytes } = options;
  const priority = FACILITIES.indexOf(facility) * 8 + LEVELS[event.severity];
  const time = new Date(event.time).toISOString();
  const head = `<${priority}>1 ${time} ${token(hostName, 255)} weir ${process.pid} ${token(event.type, 32)} - `;
  let message = Buffer.alloc(0);
  for (const mostOfValue of VALUE_LIMITS) {
    message = Buffer.from(head + formatEvent(event, format, mostOfValue));
    if (message.length <= maxBytes) return message;
  }
  return cutAtCharacter(message, maxBytes);
}

/** RFC 6587 §3.4.1 and RFC 5425 §4.3: `length SP message`. */
export function octetCounted(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

/** RFC 6587 §3.4.2; messages have no line feeds of their own. */
export function lineFramed(message: Buffer): Buffer {
  return Buffer.concat([message, Buffer.from('\n')]);
}

/** Printable ASCII without blanks, or the nil value. */
function token(text: string, most: number): string {
  return text.replace(/[^!-~]/g, '').slice(0, most) || '-';
}

function cutAtCharacter(bytes: Buffer, most: number): Buffer {
  let end = most;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--; // not through a character of UTF-8
  return bytes.subarray(0, end);
}
