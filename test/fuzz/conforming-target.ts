// A listening ICAP server and a client that keeps to the protocol: whatever a service does with the message, the
// client gets the same answers however its bytes arrive, and the connection serves the next request.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Lab, type LabClient, startLab } from '../icap/server/lab.ts';
import { segmentsOf } from '../support/mutations.ts';
import type { Answer } from '../support/vectors.ts';
import type { FuzzCase, FuzzTarget, Seen, Segments } from './case.ts';
import { fuzzedServices, HANDLER_COUNT, KEEPS_A_PART, type Running } from './live-services.ts';

const REQUEST = 'POST http://a.test/form HTTP/1.1\r\nHost: a.test\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';
const PATH = '/echo'; // the first of the services: `shift` is the number of its handler
const PROBE = 'OPTIONS icap://h/echo ICAP/1.0\r\nHost: h\r\n\r\n';
const LONGEST = 70_000; // bytes, more than a body's queue takes

interface Message {
  readonly method: 'REQMOD' | 'RESPMOD';
  readonly allow: string;
  /** Bytes of the body; null for none. */
  readonly size: number | null;
  /** Bytes of the preview; null for none. */
  readonly preview: number | null;
  /** Length of each chunk. */
  readonly chunk: number;
}

function chunksOf(data: string, size: number): string {
  let text = '';
  for (let at = 0; at < data.length; at += size) {
    const part = data.slice(at, at + size);
    text += `${part.length.toString(16)}\r\n${part}\r\n`;
  }
  return text;
}

/** What the client sends at first, and what it sends when it is told to continue. */
function framesOf({ method, allow, size, preview, chunk }: Message): { first: string; rest: string } {
  const header = method === 'REQMOD' ? REQUEST : RESPONSE;
  const part = method === 'REQMOD' ? 'req' : 'res';
  const body = size === null ? 'null-body' : `${part}-body`;
  let first = `${method} icap://h${PATH} ICAP/1.0\r\nHost: h\r\n`;
  if (allow !== '') first += `Allow: ${allow}\r\n`;
  if (preview !== null) first += `Preview: ${preview}\r\n`;
  first += `Encapsulated: ${part}-hdr=0, ${body}=${header.length}\r\n\r\n${header}`;
  if (size === null) return { first, rest: '' };
  const data = 'All of it is clean. '.repeat(Math.ceil(size / 20)).slice(0, size);
  if (preview === null) return { first: `${first}${chunksOf(data, chunk)}0\r\n\r\n`, rest: '' };
  if (size <= preview) return { first: `${first}${chunksOf(data, chunk)}0; ieof\r\n\r\n`, rest: '' };
  return {
    first: `${first}${chunksOf(data.slice(0, preview), chunk)}0\r\n\r\n`,
    rest: `${chunksOf(data.slice(preview), chunk)}0\r\n\r\n`,
  };
}

const sizes = fc.oneof(fc.nat(50), fc.nat(5000), fc.integer({ min: 65_000, max: LONGEST }));
const message: fc.Arbitrary<Message> = fc.record({
  method: fc.constantFrom('REQMOD' as const, 'RESPMOD' as const),
  allow: fc.constantFrom('', '204', '206', '204, 206', '204, 206, trailers', 'trailers'),
  size: fc.option(sizes),
  preview: fc.option(fc.oneof(fc.constantFrom(0, 1, 4096, LONGEST), fc.nat(200))),
  chunk: fc.integer({ min: 1, max: LONGEST }).map((length) => Math.max(length, 50)),
});

const cases: fc.Arbitrary<FuzzCase> = fc
  .tuple(
    message,
    fc.array(fc.nat(LONGEST), { maxLength: 4 }),
    fc.array(fc.nat(LONGEST), { maxLength: 3 }),
    // The last one fails in the middle of its answer, which is as far as it gets.
    fc.nat(HANDLER_COUNT - 2),
  )
  .map(([what, cuts, restCuts, shift]) => {
    // A part of the original is kept from byte 3 on; of a shorter one only a client can tell that it is.
    const size = what.size === null ? null : Math.max(what.size, shift === KEEPS_A_PART ? 4 : 0);
    const { first, rest } = framesOf({ ...what, size });
    const cut = (text: string, places: number[]): Segments => segmentsOf(Buffer.from(text, 'latin1'), places);
    return { connections: [cut(first, cuts), cut(rest, restCuts)], choices: { shift } };
  });

interface Live {
  readonly lab: Lab;
  readonly running: Running;
}

let started: Promise<Live> | null = null;

async function start(): Promise<Live> {
  const running: Running = { started: 0, finished: 0, shift: 0 };
  return { lab: await startLab(fuzzedServices(running)), running };
}

async function deliver(client: LabClient, segments: Segments): Promise<void> {
  for (const segment of segments) await client.deliver(segment);
}

/** All answers to one request, and that the connection goes on unless the last one closes it. */
async function converse(lab: Lab, first: Segments, rest: Segments): Promise<Answer[]> {
  await using client = await lab.connect();
  const answers: Answer[] = [];
  await deliver(client, first);
  answers.push(await client.answer());
  if (answers[0]!.status === 100) {
    await deliver(client, rest);
    answers.push(await client.answer());
  }
  if (answers.at(-1)!.fields.includes('connection: close')) {
    assert.equal((await client.closed()).length, 0, 'something follows the last answer');
  } else {
    await client.deliver(PROBE);
    assert.equal((await client.answer()).status, 200, 'the connection is out of step');
  }
  return answers;
}

async function check({ connections: [first, rest], choices }: FuzzCase, seen: Seen): Promise<void> {
  const { lab, running } = await (started ??= start());
  running.shift = Number(choices['shift']);
  const whole = await converse(lab, [Buffer.concat(first!)], [Buffer.concat(rest!)]);
  const cut = await converse(lab, first!, rest!);
  assert.deepEqual(cut, whole, 'the answers depend on the cut');
  for (const { status } of whole) seen(`status ${status}`);
  lab.reports.length = 0;
}

export const conformingTarget: FuzzTarget = {
  name: 'conforming-client',
  runsPerTurn: 40,
  cases,
  check,
  async stop() {
    const live = await started;
    started = null;
    await live?.lab[Symbol.asyncDispose]();
  },
};
