// A DNS server on a UDP port of this machine that answers what the test says, and notes what it was asked.
// Only what A and AAAA need (RFC 1035 §4): one question, answers with a time to live, a response code.

import dgram from 'node:dgram';
import net from 'node:net';

export interface DnsAnswer {
  readonly addresses?: readonly string[];
  /** Seconds. Default 60. */
  readonly ttl?: number;
  /** 2 SERVFAIL, 3 NXDOMAIN, … Default 0. */
  readonly code?: number;
}

export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** `A name`, `AAAA name`, in the order in which they came. */
  readonly questions: readonly string[];
}

/** What is answered to a question; a promise is answered late, null never. */
export type DnsScript = (type: 'A' | 'AAAA', name: string) => DnsAnswer | null | Promise<DnsAnswer | null>;

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };

export async function dnsServer(script: DnsScript): Promise<DnsServer> {
  const socket = dgram.createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, from) => {
    const { name, end } = nameAt(query, 12);
    const type = TYPES[query.readUInt16BE(end)];
    if (type === undefined) return;
    questions.push(`${type} ${name}`);
    void Promise.resolve(script(type, name)).then((answer) => {
      if (answer !== null) send(replyTo(query.subarray(0, end + 4), type, answer), from.port);
    });
  });
  let isOpen = true;
  const send = (reply: Buffer, port: number): void => {
    if (isOpen) socket.send(reply, port, '127.0.0.1');
  };
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    async [Symbol.asyncDispose]() {
      isOpen = false;
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

/** A script from a table of names; AAAA of names with IPv4 addresses only is empty. */
export function zone(names: Readonly<Record<string, readonly string[]>>, ttl = 60): DnsScript {
  return (type, name) => {
    const addresses = names[name];
    if (addresses === undefined) return { code: 3 };
    return { addresses: addresses.filter((one) => net.isIPv6(one) === (type === 'AAAA')), ttl };
  };
}

function nameAt(message: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let end = at;
  for (let length = message[end]!; length > 0; length = message[end]!) {
    labels.push(message.toString('latin1', end + 1, end + 1 + length));
    end += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: end + 1 };
}

function replyTo(question: Buffer, type: 'A' | 'AAAA', answer: DnsAnswer): Buffer {
  const { addresses = [], ttl = 60, code = 0 } = answer;
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | code, 2); // an answer, recursion available
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const data = bytesOf(address);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the name of the question
    record.writeUInt16BE(type === 'A' ? 1 : 28, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, ...records]);
}

function bytesOf(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [left = '', right] = address.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const [before, after] = [parse(left), parse(right ?? '')];
  const zeros = right === undefined ? [] : Array<number>(8 - before.length - after.length).fill(0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}
