// ICAP servers as they are: what each product is known to do (V-10 … V-37), played by a scripted server, and
// what a message must come to all the same. Squid, ProxySG and others that are clients only have no row.

import { describe, expect, test } from '@jest/globals';
import type { AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import { judge } from '../../../src/proxy/adaptation/verdict.ts';
import type { IcapConversation, ScriptedIcap } from './scripted-icap.ts';
import { bodyOf, CONTINUE, NO_CONTENT, optionsAnswer, PAGE, respmod, scriptedIcap } from './scripted-icap.ts';

const TEXT = 'a page of some length';
const LONG = 'long page '.repeat(30_000);

interface Quirk {
  readonly id: string;
  readonly product: string;
  readonly does: string;
  /** What OPTIONS says; default: 204 and a preview of 4 bytes. */
  readonly options?: string;
  readonly script: (peer: IcapConversation, request: string, index: number) => Promise<void> | void;
  readonly client?: Parameters<ScriptedIcap['client']>[0];
  /** Bodies of the messages that are sent, one after another; null: REQMOD without body. Default: one. */
  readonly bodies?: readonly (string | null)[];
  /** What the last message comes to: `verdict body`, or the code of the failure and the ICAP status. */
  readonly comesTo: string;
  /** Connections that were opened. Default: 1. */
  readonly connections?: number;
  readonly notice?: string;
}

const bare = (status: string, ...fields: string[]): string =>
  `ICAP/1.0 ${status}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

/** An adapted response with these ICAP fields, HTTP status line, HTTP fields and body. */
function answer(icap: string[], statusLine: string, http: string[], body: string, status = '200 OK'): string {
  const head = `${statusLine}\r\n${http.map((field) => `${field}\r\n`).join('')}\r\n`;
  const fields = ['ISTag: "t1"', ...icap, `Encapsulated: res-hdr=0, res-body=${head.length}`];
  return `${bare(status, ...fields)}${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

/** Reads the whole body before it answers. */
const whenRead =
  (text: string): Quirk['script'] =>
  async (peer, request) => {
    if (request.includes('\r\nPreview: ') && !request.includes('ieof')) peer.send(CONTINUE);
    if (!request.includes('null-body') && !request.includes('ieof')) await peer.readRest();
    peer.send(text);
  };

const QUIRKS: readonly Quirk[] = [
  {
    ...{ id: 'V-10', product: 'FortiSandbox' },
    does: 'scans nothing that has a preview: with `preview: false` it gets none',
    script: async (peer, request) => {
      if (request.includes('\r\nPreview: ')) return peer.send(NO_CONTENT);
      await peer.readRest();
      peer.send(PAGE);
    },
    client: { previewBytes: false },
    comesTo: 'blocked blocked',
  },
  {
    ...{ id: 'V-15', product: 'c-icap' },
    does: 'answers 204 with neither Encapsulated nor Date',
    script: (peer) => peer.send(bare('204 Unmodified', 'Server: C-ICAP/0.5.10', 'ISTag: CI0001-XXXXXXXXX')),
    options: optionsAnswer(['Preview: 4'], 'CI0001-XXXXXXXXX'),
    bodies: [TEXT, TEXT],
    comesTo: `allowed ${TEXT}`,
  },
  {
    ...{ id: 'V-15', product: 'c-icap' },
    does: 'answers 404 without ISTag, and closes without saying so',
    script: (peer, _request, index) => {
      if (index > 0) return peer.send(NO_CONTENT);
      peer.send(bare('404 Service not found'));
      peer.socket.end();
    },
    bodies: [TEXT, TEXT],
    comesTo: `allowed ${TEXT}`,
    connections: 2,
  },
  {
    ...{ id: 'V-16', product: 'c-icap' },
    does: 'has a service that is not initialised',
    script: (peer) => peer.send(bare('500 Server error', 'Connection: close')),
    comesTo: 'ERR_ADAPT_STATUS 500',
  },
  {
    ...{ id: 'V-16', product: 'c-icap' },
    does: 'cannot read a preview, and says 408 on a new connection: not asked again',
    script: (peer) => peer.send(bare('408 Request timeout', 'Connection: close')),
    options: optionsAnswer(['Preview: 4', 'Connection: close']),
    comesTo: 'ERR_ADAPT_STATUS 408',
    connections: 2,
  },
  {
    ...{ id: 'V-17', product: 'c-icap' },
    does: 'echoes the message as a 200 where 204 is not allowed (FakeAllow204)',
    options: optionsAnswer([]),
    client: { allow: [] },
    script: whenRead(answer([], 'HTTP/1.1 200 OK', ['Content-Type: text/html'], TEXT)),
    comesTo: `modified ${TEXT}`,
  },
  {
    ...{ id: 'V-18', product: 'c-icap' },
    does: 'answers 500 to a message that does not allow what its service wants',
    options: optionsAnswer([]),
    client: { allow: [] },
    script: whenRead(bare('500 Server error', 'Connection: close')),
    comesTo: 'ERR_ADAPT_STATUS 500',
  },
  {
    ...{ id: 'V-19', product: 'e2guardian' },
    does: 'writes its ISTag without blank and quotes, and offers no preview',
    options: optionsAnswer([]).replace('ISTag: "t1"', 'ISTag:t1'),
    script: whenRead(NO_CONTENT),
    bodies: [TEXT, TEXT, TEXT],
    comesTo: `allowed ${TEXT}`,
  },
  {
    ...{ id: 'V-19', product: 'e2guardian' },
    does: 'ends a 400 without its blank line',
    script: (peer) => {
      peer.send('ICAP/1.0 400 Bad request\r\nISTag: "t1"\r\nConnection: close\r\n');
      peer.socket.end();
    },
    comesTo: 'ERR_ADAPT_STATUS 400',
  },
  {
    ...{ id: 'V-19', product: 'any server' },
    does: 'cuts a 204 before its blank line: only errors are taken that way',
    script: (peer) => {
      peer.send('ICAP/1.0 204 No Content\r\nISTag: "t1"\r\n');
      peer.socket.end();
    },
    comesTo: 'ERR_ADAPT_UNAVAILABLE',
  },
  {
    ...{ id: 'V-19', product: 'e2guardian' },
    does: 'answers 408 when a kept connection has been idle for too long',
    script: (peer, _request, index) => {
      if (index !== 1) return peer.send(NO_CONTENT);
      peer.send(bare('408 Request Time-out', 'ISTag: "t1"', 'Connection: close'));
      peer.socket.end();
    },
    bodies: [TEXT, LONG],
    comesTo: `allowed ${LONG}`,
    connections: 2,
  },
  {
    ...{ id: 'V-20', product: 'e2guardian' },
    does: 'misses a field of its REQMOD answer in RESPMOD',
    script: (peer) =>
      peer.send(bare('418 Bad composition - X-ICAP-E2G header not present', 'Encapsulated: null-body=0')),
    comesTo: 'ERR_ADAPT_STATUS 418',
  },
  {
    ...{ id: 'V-21', product: 'e2guardian 5.5.0' },
    does: 'announces a body that never comes: within the time limit the policy decides',
    script: (peer) => peer.send(answer([], 'HTTP/1.1 200 OK', [], '').replace(/0\r\n\r\n0\r\n\r\n$/, '')),
    client: { timeoutMs: 300 },
    comesTo: 'ERR_ADAPT_TIMEOUT',
  },
  {
    ...{ id: 'V-22', product: 'Skyhigh' },
    does: 'wants the request header in RESPMOD',
    script: (peer, request) =>
      peer.send(/Encapsulated: req-hdr=0, res-hdr=/.test(request) ? NO_CONTENT : bare('418 Bad composition')),
    comesTo: `allowed ${TEXT}`,
  },
  {
    ...{ id: 'V-22', product: 'Skyhigh' },
    does: 'names a virus in fields of its own, with HTTP/1.0',
    script: whenRead(
      answer(
        ['X-Virus-Name: EICAR', 'X-Block-Reason: Malware found', 'X-WWBlockResult: 80'],
        'HTTP/1.0 403 VirusFound',
        [],
        'stop',
      ),
    ),
    comesTo: 'blocked EICAR stop',
  },
  {
    ...{ id: 'V-23', product: 'Kaspersky' },
    does: 'refuses what it cannot measure',
    script: (peer) => peer.send(bare('400 Bad Request', 'Encapsulated: null-body=0')),
    comesTo: 'ERR_ADAPT_STATUS 400',
  },
  {
    ...{ id: 'V-23', product: 'Kaspersky' },
    does: 'says "no threats" of a clean message that it sends back',
    script: whenRead(
      answer(['X-Virus-ID: no threats', 'X-Response-Info: passed'], 'HTTP/1.1 200 OK', [], TEXT),
    ),
    comesTo: `modified ${TEXT}`,
  },
  {
    ...{ id: 'V-24', product: 'Trend Micro' },
    does: 'answers before it was sent everything',
    options: optionsAnswer([]),
    script: (peer) => peer.send(answer(['X-Virus-ID: Test_File'], 'HTTP/1.1 403 Forbidden', [], 'stop')),
    bodies: [LONG],
    comesTo: 'blocked Test_File stop',
  },
  {
    ...{ id: 'V-25', product: 'Symantec Protection Engine' },
    does: 'says 201 for what it changed',
    script: whenRead(answer([], 'HTTP/1.1 200 OK', [], 'repaired', '201 Created')),
    bodies: [TEXT, TEXT],
    comesTo: 'modified repaired',
  },
  {
    ...{ id: 'V-25', product: 'Symantec Protection Engine' },
    does: 'has a status of its own for a missing licence',
    script: (peer) => peer.send(bare('539 Aborted - No AV scanning license', 'Connection: close')),
    comesTo: 'ERR_ADAPT_STATUS 539',
  },
  {
    ...{ id: 'V-26', product: 'Symantec DLP' },
    does: 'blocks with a page that is a 200',
    script: whenRead(answer([], 'HTTP/1.1 200 OK', ['Content-Type: text/plain'], 'not allowed to leave')),
    comesTo: 'modified not allowed to leave',
  },
  {
    ...{ id: 'V-27', product: 'Sophos, ESET' },
    does: 'tells in the HTTP header',
    script: whenRead(answer([], 'HTTP/1.1 405 Forbidden', ['X-Blocked: EICAR-AV-Test'], 'stop')),
    comesTo: 'blocked EICAR-AV-Test stop',
  },
  {
    ...{ id: 'V-56', product: 'servers of draft-stecher' },
    does: 'name the threat among type and resolution',
    script: whenRead(
      answer(['X-Infection-Found: Type=0; Resolution=2; Threat=Eicar Test;'], 'HTTP/1.1 200 OK', [], 'stop'),
    ),
    comesTo: 'blocked Eicar Test stop',
  },
  {
    ...{ id: 'V-57', product: 'servers of draft-stecher' },
    does: 'list violations over several lines',
    script: whenRead(
      answer(
        ['X-Violations-Found: 1\r\n a.exe\r\n Eicar\r\n 0\r\n 2', 'X-Virus-ID: Eicar'],
        'HTTP/1.1 403 Forbidden',
        [],
        'stop',
      ),
    ),
    comesTo: 'blocked Eicar stop',
  },
  {
    ...{ id: 'V-58', product: 'servers of draft-stecher' },
    does: 'describe what they did to a clean message',
    script: whenRead(
      answer(
        ['X-Response-Info: Modified', 'X-Response-Desc: a banner was added'],
        'HTTP/1.1 200 OK',
        [],
        'new',
      ),
    ),
    comesTo: 'modified new',
  },
  {
    ...{ id: 'V-33', product: 'bitz-server' },
    does: 'names the body and not the header in front of it, and quotes no ISTag',
    options: optionsAnswer().replace('"t1"', 't1'),
    script: whenRead(answer([], 'HTTP/1.1 200 OK', ['X-By: bitz'], 'new').replace('res-hdr=0, ', '')),
    bodies: [TEXT, TEXT],
    comesTo: 'modified new',
  },
  {
    ...{ id: 'V-34', product: 'pyicap on Python 3' },
    does: 'prints its header as Python writes bytes: without Encapsulated nothing follows',
    options: `ICAP/1.0 200 OK\r\nb'Methods': b'RESPMOD'\r\nb'ISTag': b'"X"'\r\nb'Preview': b'4'\r\n\r\n`,
    script: whenRead(
      `ICAP/1.0 200 OK\r\nb'ISTag': b'"Y"'\r\nb'Encapsulated': b'res-hdr=0, null-body=19'\r\n\r\n`,
    ),
    comesTo: 'ERR_ADAPT_PROTOCOL',
    notice: 'methods',
  },
  {
    ...{ id: 'V-35', product: 'nodecap' },
    does: 'would wait for chunks behind a preview without a body: it is offered none',
    script: (peer, request) => {
      if (!request.includes('Preview')) peer.send(NO_CONTENT);
    },
    bodies: [null],
    comesTo: 'allowed ',
  },
  {
    ...{ id: 'V-36', product: 'NetApp-style servers' },
    does: 'lists other methods, and separates the parts of Encapsulated by blanks',
    options: bare('200 OK', 'Methods: RESPMOD, REQMOD, LOG, OPTIONS', 'ISTag: "t1"', 'Preview: 4'),
    script: whenRead(answer([], 'HTTP/1.1 200 OK', [], 'new').replace('res-hdr=0, ', 'res-hdr=0 ')),
    comesTo: 'modified new',
  },
  {
    ...{ id: 'V-37', product: 'OPSWAT MetaDefender' },
    does: 'offers a method of its own beside the known ones',
    options: optionsAnswer().replace('Methods: REQMOD, RESPMOD', 'Methods: FILEMOD, RESPMOD'),
    script: whenRead(NO_CONTENT),
    comesTo: `allowed ${TEXT}`,
  },
  {
    ...{ id: 'C-22', product: 'OPSWAT MetaDefender' },
    does: 'calls a header empty that is there',
    script: whenRead(
      answer([], 'HTTP/1.1 403 Forbidden', [], '')
        .replace(/res-body=\d+/, 'null-body=0')
        .replace(/0\r\n\r\n0\r\n\r\n$/, ''),
    ),
    comesTo: 'ERR_ADAPT_PROTOCOL',
  },
];

describe.each(QUIRKS)('$id $product $does', (quirk) => {
  const { options, script, client = {}, bodies = [TEXT], comesTo, connections = 1, notice } = quirk;

  test(`comes to ${comesTo.slice(0, 60)}`, async () => {
    const notices: string[] = [];
    await using server = await scriptedIcap(script, options === undefined ? {} : { options: () => options });
    const service = server.client({ ...client, onNotice: (text) => notices.push(text) });
    let result = '';
    for (const body of bodies) result = await outcome(service, messageOf(body));
    expect(result).toBe(comesTo);
    expect(server.connections()).toBe(connections);
    expect(notices).toEqual(notice === undefined ? [] : [expect.stringContaining(notice)]);
  });
});

function messageOf(body: string | null): AdaptationMessage {
  return body === null ? respmod(null, { method: 'REQMOD', response: null }) : respmod(Buffer.from(body));
}

async function outcome(
  service: ReturnType<ScriptedIcap['client']>,
  message: AdaptationMessage,
): Promise<string> {
  try {
    const adaptation = await service.adapt(message);
    const { verdict, threat } = judge(adaptation);
    const body = (await bodyOf(adaptation)).toString();
    return [verdict, threat?.name === 'Bad' ? undefined : threat?.name, body]
      .filter((part) => part !== undefined)
      .join(' ');
  } catch (error) {
    const { code, fields } = error as { code: string; fields: { icapStatus?: number } };
    return fields.icapStatus === undefined ? code : `${code} ${fields.icapStatus}`;
  }
}
