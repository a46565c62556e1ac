// ICAP requests to the gateway of a test, byte for byte, and what a test asks of their answers.

import { type RawClient, rawClient } from '../support/rawClient.ts';

export interface IcapAnswer {
  readonly status: number;
  readonly istag: string;
}

const REQUEST = 'GET http://site.example/file HTTP/1.1\r\nHost: site.example\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';

/** The heads of a RESPMOD whose body follows in chunks. */
function respmodHead(service: string, more: readonly string[] = []): string {
  const body = REQUEST.length + RESPONSE.length;
  const icap = [
    `RESPMOD icap://127.0.0.1/${service} ICAP/1.0`,
    'Host: 127.0.0.1',
    'Allow: 204',
    ...more,
    `Encapsulated: req-hdr=0, res-hdr=${REQUEST.length}, res-body=${body}`,
  ];
  return `${icap.join('\r\n')}\r\n\r\n${REQUEST}${RESPONSE}`;
}

/** @param text  latin-1, one character a byte */
export function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

export const LAST_CHUNK = '0\r\n\r\n';

/** Takes an answer off what a client has received: status and ISTag; its body is dropped. */
export async function takeAnswer(client: RawClient): Promise<IcapAnswer> {
  const head = (await client.take(isComplete)).toString('latin1');
  const status = Number(/^ICAP\/1\.0 (\d{3})/.exec(head)![1]);
  return { status, istag: /^ISTag: "([^"]*)"/im.exec(head)![1]! };
}

function isComplete(received: Buffer): boolean {
  const text = received.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  return !/^Encapsulated:.*re[qs]-body/im.test(text.slice(0, end)) || text.endsWith('\r\n0\r\n\r\n');
}

/** Begins a RESPMOD and resolves when the gateway holds it and waits for more: chunks and the last one. */
export async function beginScan(client: RawClient, service = 'sandblast'): Promise<void> {
  client.send(respmodHead(service, ['Preview: 0']), LAST_CHUNK);
  await client.take(/^ICAP\/1\.0 100 .*\r\n[\s\S]*\r\n\r\n$/);
}

/** Sends a whole RESPMOD on an open connection. 204: it may pass, 200: it is blocked. */
export async function scan(client: RawClient, text: string, service = 'sandblast'): Promise<IcapAnswer> {
  client.send(respmodHead(service), chunk(text), LAST_CHUNK);
  return takeAnswer(client);
}

/** OPTIONS on an open connection. */
export async function options(client: RawClient, service = 'sandblast'): Promise<IcapAnswer> {
  client.send(`OPTIONS icap://127.0.0.1/${service} ICAP/1.0\r\nHost: 127.0.0.1\r\n\r\n`);
  return takeAnswer(client);
}

/** ISTag of a service as a new client sees it. */
export async function istag(port: number, service?: string): Promise<string> {
  await using client = await rawClient(port);
  return (await options(client, service)).istag;
}
