// One transaction as one line for people who watch a terminal.

import type { ProxyRecord } from './records.ts';

export type Paint = (text: string, colour: 'green' | 'red' | 'yellow' | 'dim') => string;

/** To the begin of the line, which is emptied. ECMA-48 §8.3.41 (EL). */
export const OVERWRITE_LINE = '\r\u001b[K';

const CODES = { green: 32, red: 31, yellow: 33, dim: 2 } as const;

/** Paints text, or leaves it plain. */
export function colours(enabled: boolean): Paint {
  return enabled ? (text, colour) => `\u001b[${CODES[colour]}m${text}\u001b[0m` : (text) => text;
}

const VERDICT_COLOUR = {
  allowed: 'green',
  modified: 'yellow',
  bypassed: 'yellow',
  blocked: 'red',
  error: 'red',
} as const;

/** e.g. `200 allowed  GET https://example.com/ 1256 B 12 ms`; control characters cannot get in. */
export function formatProxyRecord(record: ProxyRecord, paint: Paint): string {
  const { status, verdict, method, url, bytesOut, ms, threat, error, id, incident } = record;
  const colour = VERDICT_COLOUR[verdict];
  let notes = '';
  if (threat !== null) notes += ` ${threat.name}`;
  if (error !== undefined) notes += ` ${error.code}: ${error.message}`;
  if (verdict === 'blocked' || verdict === 'error') notes += ` ${incident ?? id}`;
  const start = `${status === 0 ? '---' : status} ${paint(verdict.padEnd(8), colour)}`;
  const size = paint(`${bytesOut} B ${Math.round(ms)} ms`, 'dim');
  return `${start} ${plain(method || '-')} ${plain(url)} ${size}${paint(plain(notes), colour)}\n`;
}

/** Nothing that could steer a terminal. */
function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
