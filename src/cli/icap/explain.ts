// ICAP fields and what they tell, for people who do not have the RFC at hand. RFC 3507 §4.3, §4.7, §4.10.2.

import type { RawHeaders } from '../../icap/codec/fields.ts';
import { listTokens } from '../../icap/codec/fields.ts';
import { columns, visible } from './text.ts';

const EXPLANATIONS: Readonly<Record<string, (value: string) => string>> = {
  istag: () => 'version of the rules; a new one makes all earlier verdicts void',
  methods: () => 'what the service adapts: REQMOD requests, RESPMOD responses',
  service: () => 'name of the software',
  'service-id': () => 'short name of the service',
  preview: (value) =>
    value === '0' ? 'wants the headers alone first' : `wants the first ${value} bytes of a body first`,
  allow: explainAllow,
  'options-ttl': (value) => `this answer holds for ${seconds(value)}`,
  'max-connections': () => 'connections that the server takes at a time, of all clients',
  'transfer-preview': () => 'file extensions to send with a preview; * is all others',
  'transfer-ignore': () => 'file extensions not to send at all; * is all others',
  'transfer-complete': () => 'file extensions to send whole, without preview; * is all others',
  'x-include': () => 'identity fields that the service asks for',
  encapsulated: () => 'parts that follow, with their offsets in bytes',
  'opt-body-type': () => 'kind of the body that comes with OPTIONS',
  connection: (value) =>
    /close/i.test(value) ? 'the server closes the connection' : 'the connection may be used again',
  date: () => 'clock of the server; Options-TTL counts from here',
  'x-infection-found': explainInfection,
  'x-virus-id': () => 'name of what was found',
  'x-virus-name': () => 'name of what was found',
  'x-violations-found': () => 'count, then file, threat, problem and resolution of each',
  'x-response-info': () => 'the verdict in one word',
  'x-response-desc': () => 'the verdict in a sentence',
  'x-blocked-reason': () => 'why it is blocked',
  'x-block-reason': () => 'why it is blocked',
  'x-weir-report': () => 'report of what the content does: weir report show ID',
  'x-weir-incident': () => "id of the block, also on its page and in the gateway's log",
  trailer: () => 'ICAP fields that follow the body',
};

/** A line for each field: name, value, and what it means if that is known. */
export function explainFields(headers: RawHeaders): string[] {
  const rows: [string, string][] = [];
  const width = Math.min(
    40,
    Math.max(0, ...headers.filter((_, i) => i % 2 === 1).map((value) => value.length)),
  );
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    const key = name.toLowerCase();
    const meaning = Object.hasOwn(EXPLANATIONS, key) ? EXPLANATIONS[key]!(value) : '';
    rows.push([visible(name), `${visible(value).padEnd(width)}  ${meaning}`]);
  }
  return columns(rows);
}

function explainAllow(value: string): string {
  const meanings: Readonly<Record<string, string>> = {
    '204': '204 "not modified" at any time',
    '206': '206 "the rest is as it was"',
    trailers: 'fields behind the body',
  };
  const known = listTokens([value]).flatMap((token) =>
    Object.hasOwn(meanings, token) ? [meanings[token]!] : [],
  );
  return known.join(', ');
}

function explainInfection(value: string): string {
  const kinds = ['virus', 'mail policy violation', 'container violation'];
  const resolutions = ['not repaired', 'repaired', 'to be blocked'];
  const kind = kinds[Number(/Type=(\d)/i.exec(value)?.[1] ?? NaN)];
  const resolution = resolutions[Number(/Resolution=(\d)/i.exec(value)?.[1] ?? NaN)];
  return [kind, resolution].filter((part) => part !== undefined).join(', ');
}

function seconds(value: string): string {
  const count = Number(value);
  if (!/^\d{1,9}$/.test(value)) return `"${visible(value)}", which is no number`;
  if (count === 0) return 'no time at all';
  return count % 3600 === 0 ? `${count / 3600} h` : count % 60 === 0 ? `${count / 60} min` : `${count} s`;
}
