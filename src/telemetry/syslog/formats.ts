// The formats of messages for SIEMs: JSON, ArcSight's CEF (version 0, implementation standard rev. 25) and
// QRadar's LEEF 2.0. Each escapes what would end a value or a message early.

import { isIPv4, isIPv6 } from 'node:net';
import { WEIR_VERSION } from '../../util/version.ts';
import type { SiemEvent, SiemValues } from './siem-event.ts';

export type SiemFormat = 'json' | 'cef' | 'leef';

/** CEF and LEEF count from 0 to 10. */
const SEVERITIES: Readonly<Record<SiemEvent['severity'], number>> = {
  info: 1,
  low: 3,
  medium: 5,
  high: 8,
  critical: 10,
};

type Pairs = readonly (readonly [key: string, value: string | number | boolean | null | undefined])[];

/**
 * One message, without line ends.
 * @param mostOfValue  characters that each value is cut to
 */
export function formatEvent(event: SiemEvent, format: SiemFormat, mostOfValue = 2048): string {
  const values = Object.fromEntries(
    Object.entries(event.values)
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, mostOfValue) : value]),
  ) as unknown as SiemValues;
  if (format === 'cef') return cef(event, values);
  return format === 'leef' ? leef(event, values) : json(event, values);
}

function json({ time, id, type, name, severity }: SiemEvent, values: SiemValues): string {
  const head = { time: new Date(time).toISOString(), id, type, name, severity };
  return JSON.stringify({ ...head, product: 'Weir', version: WEIR_VERSION, ...values });
}

function cef(event: SiemEvent, values: SiemValues): string {
  const head = ['CEF:0', 'Weir', 'Weir', WEIR_VERSION, event.type, event.name, SEVERITIES[event.severity]];
  const { client = null, server = null, user, url, method, action, reason } = values;
  const pairs: Pairs = [
    ['rt', event.time],
    ['externalId', event.id],
    ...addresses('src', client, 'c6a2', 'Source IPv6 Address'),
    ...addresses('dst', server, 'c6a3', 'Destination IPv6 Address'),
    ['suser', user],
    ['request', url],
    ['requestMethod', method],
    ['act', action],
    ['reason', reason],
    ['fileHash', values.sha256],
    ['fsize', values.bytes],
    ['outcome', values.status],
    ['dvchost', values.icapClient],
    ['cn1', values.ms],
    ...labelled('cs1', 'Threat', values.threat),
    ...labelled('cs2', 'Blade', values.blade),
    ...labelled('cs3', 'Profile', values.profile),
    ...labelled('cs4', 'Service', values.service),
    ...labelled('cs5', 'Justification', values.justification),
    ...labelled('cs6', 'ErrorCode', values.errorCode),
    ...labelled('cn2', 'Recipients', values.recipients),
    ['deviceDirection', direction(values.direction)],
  ];
  const extension = [...pairs, ...(values.ms == null ? [] : ([['cn1Label', 'Milliseconds']] as const))]
    .filter(([, value]) => value != null && value !== '')
    .map(([key, value]) => `${key}=${cefValue(String(value))}`);
  return `${head.map((part) => cefHeader(String(part))).join('|')}|${extension.join(' ')}`;
}

/** IPv6 addresses have fields of their own. */
function addresses(v4: string, value: string | null, v6: string, label: string): Pairs {
  if (value === null) return [];
  if (isIPv4(value)) return [[v4, value]];
  if (!isIPv6(value)) return [[v4 === 'src' ? 'shost' : 'dhost', value]];
  return [
    [v6, value],
    [`${v6}Label`, label],
  ];
}

function labelled(key: string, label: string, value: string | number | null | undefined): Pairs {
  if (value == null || value === '') return [];
  return [
    [key, value],
    [`${key}Label`, label],
  ];
}

/** 0: to the inside, 1: to the outside. */
function direction(value: string | null | undefined): number | null {
  return value === 'request' ? 1 : value === 'response' ? 0 : null;
}

function cefHeader(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\|]/g, '\\$&');
}

function cefValue(text: string): string {
  return withoutControls(text.replace(/[\\=]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n'));
}

function leef(event: SiemEvent, values: SiemValues): string {
  const head = `LEEF:2.0|Weir|Weir|${WEIR_VERSION.replaceAll('|', ' ')}|${event.type}|x09|`;
  const { client, server, user, url, action, reason } = values;
  const pairs: Pairs = [
    ['devTime', event.time],
    ['cat', event.type],
    ['sev', SEVERITIES[event.severity]],
    ['src', client],
    ['dst', server],
    ['usrName', user],
    ['url', url],
    ['action', action],
    ['reason', reason],
    ['incident', event.id],
    ['method', values.method],
    ['threat', values.threat],
    ['blade', values.blade],
    ['policy', values.profile],
    ['resource', values.service],
    ['icapClient', values.icapClient],
    ['justification', values.justification],
    ['direction', values.direction],
    ['sha256', values.sha256],
    ['bytes', values.bytes],
    ['status', values.status],
    ['ms', values.ms],
    ['recipients', values.recipients],
    ['errorCode', values.errorCode],
  ];
  // LEEF has no escape: what would end a value becomes a blank.
  return (
    head +
    pairs
      .filter(([, value]) => value != null && value !== '')
      .map(([key, value]) => `${key}=${withoutControls(String(value))}`)
      .join('\t')
  );
}

/** Controls and line separators would end or split a message at some receivers. */
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}
