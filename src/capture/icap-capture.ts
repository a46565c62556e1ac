// Transactions of a packet capture (pcap, pcapng) of ICAP. tshark puts the packets of each connection together;
// what is said on it is icap-dialogue.ts. Each REQMOD and each RESPMOD is a transaction of its own.

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { HttpError, messageOf } from '../errors.ts';
import { Body } from '../http/body.ts';
import { fieldValue } from '../icap/codec/fields.ts';
import type { OverheardExchange } from './icap-dialogue.ts';
import { IcapDialogue } from './icap-dialogue.ts';
import type { ReadTransaction } from './recording-reader.ts';
import type { RecordedOutcome } from './recording.ts';

/** What an overheard answer means. */
export type ReadVerdict = (
  exchange: OverheardExchange,
) => Pick<RecordedOutcome, 'verdict' | 'threat' | 'blade'>;

const BODY_BYTES = 16 * 1024 * 1024; // of each body
const TSHARK = 'tshark';
const run = promisify(execFile);

/**
 * All exchanges of a capture, connection after connection.
 * @throws {HttpError} `ERR_RECORDING`: no tshark, it cannot read the file, or there is no ICAP in it
 */
export async function* readIcapCapture(
  path: string,
  verdictOf: ReadVerdict,
): AsyncGenerator<ReadTransaction, void> {
  const streams = await icapStreams(path);
  if (streams.length === 0) {
    const text = `${path}: tshark sees no ICAP in it (TCP port 1344; for another: a tshark profile that says so)`;
    throw new HttpError('ERR_RECORDING', text, { path });
  }
  let number = 0;
  for (const stream of streams) {
    for (const exchange of await exchangesOf(path, stream)) {
      yield transactionOf(exchange, `exchange-${++number}`, verdictOf);
    }
  }
}

/** Numbers of the connections that tshark takes for ICAP. */
async function icapStreams(path: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run(TSHARK, ['-r', path, '-Y', 'icap', '-T', 'json', '-e', 'tcp.stream'], {
      maxBuffer: 256 * 1024 * 1024,
    });
    const packets = JSON.parse(stdout === '' ? '[]' : stdout) as {
      _source?: { layers?: { 'tcp.stream'?: string[] } };
    }[];
    return [...new Set(packets.flatMap((packet) => packet._source?.layers?.['tcp.stream'] ?? []))];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const text = missing
      ? 'packet captures are read by tshark, which is not installed (Debian: apt-get install tshark)'
      : `tshark cannot read ${path}: ${messageOf(error)}`;
    throw new HttpError('ERR_RECORDING', text, { path }, error);
  }
}

/** tshark prints a line of hexadecimal digits a segment; those of the side that answers begin with a tab. */
async function exchangesOf(path: string, stream: string): Promise<readonly OverheardExchange[]> {
  const exchanges: OverheardExchange[] = [];
  const dialogue = new IcapDialogue(BODY_BYTES, (exchange) => exchanges.push(exchange));
  const tshark = spawn(TSHARK, ['-r', path, '-q', '-z', `follow,tcp,raw,${stream}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface({ input: tshark.stdout })) {
    const [, tab, hex] = /^(\t?)((?:[0-9a-f]{2})+)$/.exec(line) ?? [];
    if (hex === undefined) continue;
    const bytes = Buffer.from(hex, 'hex');
    if (tab === '') dialogue.fromClient(bytes);
    else dialogue.fromServer(bytes);
  }
  return exchanges;
}

function transactionOf(exchange: OverheardExchange, id: string, verdictOf: ReadVerdict): ReadTransaction {
  const { head, request, response, body } = exchange;
  const isRequest = head.method === 'REQMOD';
  const recorded =
    body === null ? null : { bytes: body.bytes.length, seen: body.seen, complete: body.complete };
  const stream = (): Body | null => (body === null ? null : Body.of(body.bytes));
  const { status } = exchange.answer.head;
  return {
    id,
    time: '',
    ms: 0,
    client: fieldValue(head.headers, 'x-client-ip') ?? null,
    user: null,
    serverIp: fieldValue(head.headers, 'x-server-ip') ?? null,
    points: [isRequest ? 'REQMOD' : 'RESPMOD'],
    request: {
      method: request?.method ?? 'GET',
      url: absolute(request),
      headers: request?.headers ?? [],
      body: isRequest ? recorded : null,
    },
    response: response === null ? null : { ...response, body: isRequest ? null : recorded },
    outcome: { status, notScanned: null, services: [], ...verdictOf(exchange) },
    requestBody: () => (isRequest ? stream() : null),
    responseBody: () => (isRequest ? null : stream()),
  };
}

/** Some clients send the target in origin form (V-50): Host says the rest. */
function absolute(request: OverheardExchange['request']): string {
  if (request === null) return 'http://unknown.invalid/';
  if (!request.target.startsWith('/')) return request.target;
  return `http://${fieldValue(request.headers, 'host') ?? 'unknown.invalid'}${request.target}`;
}
