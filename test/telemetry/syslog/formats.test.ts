// The formats of messages for SIEMs, read back by parsers that are written after the formats' descriptions.

import { expect, test } from '@jest/globals';
import type { Incident } from '../../../src/telemetry/incidents.ts';
import { formatEvent } from '../../../src/telemetry/syslog/formats.ts';
import { octetCounted, syslogMessage } from '../../../src/telemetry/syslog/rfc5424.ts';
import type { MessageOptions } from '../../../src/telemetry/syslog/rfc5424.ts';
import { incidentEvent, proxyEvent } from '../../../src/telemetry/syslog/siem-event.ts';
import { tellableUrl } from '../../../src/telemetry/tellable-url.ts';

const INCIDENT: Incident = {
  ...{ kind: 'block', time: 1_790_000_000_123, id: 'W-1KYSNCG0GCA5N', service: '/sandblast' },
  ...{ profile: 'optimized', direction: 'response', client: '10.1.2.3', user: 'Local://alice' },
  ...{ url: 'http://u:p@a.test/x?q=1&token=hidden#f', threat: 'EICAR|Test=File\\', severity: 'critical' },
  ...{ reason: 'found in a\r\nb=c\td', blade: 'antivirus', sha256: 'ab'.repeat(32), bytes: 68 },
  ...{ cached: false, quarantined: true, recipients: [], moreRecipients: 0 },
};

/** CEF as its description has it: a backslash escapes, values go on until the next ` key=`. */
function parseCef(message: string): { head: string[]; values: Record<string, string> } {
  const head: string[] = [''];
  let at = 0;
  for (; head.length <= 7; at++) {
    if (at >= message.length) throw new Error('the header ends early');
    if (message[at] === '\\') head[head.length - 1] += message[++at]!;
    else if (message[at] === '|') head.push('');
    else head[head.length - 1] += message[at]!;
  }
  head.pop();
  const values: Record<string, string> = {};
  for (const [, key, value] of message.slice(at).matchAll(/(?:^| )(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|$)/gs)) {
    values[key!] = value!.replace(/\\(.)/g, (_, it: string) => (it === 'n' ? '\n' : it));
  }
  return { head, values };
}

test('CEF has its header and values, and what would end one early is escaped', () => {
  const text = formatEvent(incidentEvent(INCIDENT), 'cef');
  expect(text).not.toMatch(/[\r\n\t]/);
  const { head, values } = parseCef(text);
  expect([head[0], head[1], head[4], head[5], head[6]]).toEqual([
    'CEF:0',
    'Weir',
    'block',
    'Content blocked',
    '10',
  ]);
  expect(values).toMatchObject({
    ...{ rt: '1790000000123', externalId: 'W-1KYSNCG0GCA5N', src: '10.1.2.3', suser: 'Local://alice' },
    ...{ cs1: 'EICAR|Test=File\\', cs1Label: 'Threat', act: 'blocked', fsize: '68', deviceDirection: '0' },
    ...{ reason: 'found in a\nb=c d', request: 'http://[redacted]@a.test/x?q=1&token=[redacted]' },
  });
  expect(Object.keys(values)).not.toContain('cs5');
});

test('CEF has IPv6 addresses in fields of their own', () => {
  const { values } = parseCef(formatEvent(incidentEvent({ ...INCIDENT, client: '2001:db8::1' }), 'cef'));
  expect(values).toMatchObject({ c6a2: '2001:db8::1', c6a2Label: 'Source IPv6 Address' });
  expect(values['src']).toBeUndefined();
});

test.each([
  ['low', '3'],
  ['medium', '5'],
  ['high', '8'],
  ['critical', '10'],
] as const)('the severity %s is %s in CEF and LEEF', (severity, number) => {
  const event = incidentEvent({ ...INCIDENT, severity });
  expect(parseCef(formatEvent(event, 'cef')).head[6]).toBe(number);
  expect(formatEvent(event, 'leef')).toContain(`\tsev=${number}\t`);
});

test('LEEF 2.0 names its delimiter, and no value has it', () => {
  const text = formatEvent(incidentEvent(INCIDENT), 'leef');
  const [head, , , , id, delimiter, rest] = text.split('|');
  expect([head, id, delimiter]).toEqual(['LEEF:2.0', 'block', 'x09']);
  expect(rest).toContain('devTime=1790000000123\tcat=block');
  const pairs = text.slice(text.indexOf('|x09|') + 5).split('\t');
  const values = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2))) as object;
  expect(values).toMatchObject({ src: '10.1.2.3', usrName: 'Local://alice', reason: 'found in a  b=c d' });
  expect(values).toMatchObject({ threat: 'EICAR|Test=File\\', policy: 'optimized' });
});

test('JSON is one object a line, without what is not known', () => {
  const text = formatEvent(incidentEvent({ ...INCIDENT, user: null }), 'json');
  expect(text).not.toContain('\n');
  const read = JSON.parse(text) as Record<string, unknown>;
  expect(read).toMatchObject({ type: 'block', severity: 'critical', threat: 'EICAR|Test=File\\', bytes: 68 });
  expect(Object.keys(read)).not.toContain('user');
});

test.each(['json', 'cef', 'leef'] as const)(
  'RFC 5424 stands before %s, and a long message keeps its form',
  (format) => {
    const options: MessageOptions = { format, facility: 'local4', hostName: 'gw 1\u00e4', maxBytes: 1500 };
    const long = { ...INCIDENT, url: `http://a.test/${'ü'.repeat(4000)}`, reason: '"\\='.repeat(2000) };
    const message = syslogMessage(incidentEvent(long), options);
    expect(message.length).toBeLessThanOrEqual(1500);
    const [, priority, time, host, , type, content] = /^<(\d+)>1 (\S+) (\S+) weir (\d+) (\S+) - (.*)$/s.exec(
      message.toString('utf8'),
    )!;
    expect([priority, time, host, type]).toEqual(['162', '2026-09-21T14:13:20.123Z', 'gw1', 'block']);
    if (format === 'json') expect(JSON.parse(content!)).toMatchObject({ id: INCIDENT.id });
    expect(message.toString('utf8')).not.toContain('\ufffd');
  },
);

test('a message that cannot be made short enough is cut, not through a character', () => {
  const options: MessageOptions = { format: 'leef', facility: 'user', hostName: 'h', maxBytes: 150 };
  for (let more = 0; more < 4; more++) {
    const user = 'x'.repeat(more) + 'ü'.repeat(500);
    const message = syslogMessage(incidentEvent({ ...INCIDENT, user }), options);
    expect(message.length).toBeLessThanOrEqual(150);
    expect(message.toString('utf8')).not.toContain('\ufffd');
  }
});

test('octet counting counts bytes', () => {
  expect(octetCounted(Buffer.from('äb')).toString()).toBe('3 äb');
});

test.each([
  ['http://user:pw@h/p', 'http://[redacted]@h/p'],
  ['http://h/p?a=1&access_token=abc&Sig=x=y&b', 'http://h/p?a=1&access_token=[redacted]&Sig=[redacted]&b'],
  ['http://h/p?a=1#id_token=abc', 'http://h/p?a=1'],
  ['', ''],
])('the URL %j is told as %j', (url, told) => {
  expect(tellableUrl(url)).toBe(told);
});

test('a record of the proxy keeps the severity of its threat, a failure is low, the rest is information', () => {
  const record = {
    ...{ id: 'i', client: '10.0.0.1', user: null, method: 'GET', url: 'http://a.test/', status: 200 },
    ...{ bytesIn: 0, bytesOut: 5, tls: null, adaptation: [], threat: null, incident: null, ms: 1.26 },
  };
  expect(proxyEvent({ ...record, verdict: 'allowed' }, 0).severity).toBe('info');
  expect(proxyEvent({ ...record, verdict: 'error' }, 0).severity).toBe('low');
  const threat = { name: 'T', blade: 'b', severity: 'medium' };
  expect(proxyEvent({ ...record, verdict: 'blocked', threat }, 0)).toMatchObject({
    ...{ severity: 'medium', values: { threat: 'T', ms: 1, action: 'blocked' } },
  });
});
