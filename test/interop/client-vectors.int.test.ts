// What other makers' ICAP clients send (test/vectors/icap/clients), against a listening gateway with its real
// services: each dialogue whole, byte by byte and cut in two at every byte with a clean body, and at every
// third byte and around each line end with EICAR.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import type { Answer, Frame, Vector } from '../support/vectors.ts';
import { decodeAnswers, fingerprint, readVectors } from '../support/vectors.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';
import { type Cut, byteByByte, closes, probe, whole } from '../icap/server/play.ts';
import { clientsOf, type LabClient, type LabClients } from '../icap/server/lab.ts';

const PAGES = ['proxies', 'applications'];
const PLACE = '#'.charCodeAt(0);
const START = /^\s*[A-Z]+ icap:/;
const PLAYS_EACH = 20; // dialogues on one connection, whose received bytes the client keeps
/** What `gateway.strict` refuses; docs/interop.md says so of these clients. */
const NOT_STRICT = ['V-12', 'V-12.100', 'V-30', 'V-30.echo', 'V-32.bare', 'V-36'];
const SCANNED = /^\w+ icap:\/\/[^/]+\/sandblast /m;

let weir: TestWeir;
let strictWeir: TestWeir;
let clients: LabClients;
let strictClients: LabClients;

beforeAll(async () => {
  weir = await startTestWeir({ gateway: { via: false } });
  clients = clientsOf(weir.gatewayPort);
  strictWeir = await startTestWeir({ gateway: { via: false, strict: true } });
  strictClients = clientsOf(strictWeir.gatewayPort);
});
afterAll(async () => {
  clients[Symbol.dispose]();
  strictClients[Symbol.dispose]();
  await weir[Symbol.asyncDispose]();
  await strictWeir[Symbol.asyncDispose]();
});

/** The same dialogue with the bytes of EICAR where the page has `#`, from the first one in each request on. */
function infected(vector: Vector): Vector {
  const sample = eicar();
  let next = 0;
  const frames = vector.frames.map((frame) => {
    if (frame.side === 'S') return frame;
    const bytes = Buffer.from(frame.bytes);
    if (START.test(bytes.toString('latin1'))) next = 0;
    for (let at = 0; at < bytes.length; at++)
      if (bytes[at] === PLACE) bytes[at] = sample[next++ % sample.length]!;
    return { ...frame, bytes };
  });
  return { ...vector, frames };
}

// `expect` takes longer than an answer, and there are tens of thousands: it only tells of those that differ.
const ISTAG = /^istag: "[\w.-]{1,30}"$/;
const INFECTION = 'x-infection-found: Type=0; Resolution=2; Threat=EICAR-Test-File;';

/** The answer without its tag, which is the service's own. */
function withoutTag(answer: Answer): Answer {
  const tags = answer.fields.filter((field) => field.startsWith('istag: '));
  if (tags.length !== 1 || !ISTAG.test(tags[0]!)) expect(tags).toEqual([expect.stringMatching(ISTAG)]);
  return { ...answer, fields: answer.fields.filter((field) => !field.startsWith('istag: ')) };
}

const wanted = new WeakMap<Frame, Answer>();
function answerTo(frame: Frame): Answer {
  let answer = wanted.get(frame);
  if (answer === undefined) wanted.set(frame, (answer = withoutTag(decodeAnswers(frame.bytes)[0]!)));
  return answer;
}

function isBlockPage(answer: Answer): void {
  const { status, extension, trailers, fields, sections, body } = answer;
  const isOne =
    status === 200 &&
    extension === '' &&
    trailers === '' &&
    fields.includes(INFECTION) &&
    sections.startsWith('HTTP/1.1 403 Forbidden\r\n') &&
    body?.includes('EICAR-Test-File') === true;
  if (!isOne) expect(answer).toBe('a block page for EICAR');
}

/** Where the bytes of an infected request are cut in two. */
function isCut(bytes: Buffer, at: number): boolean {
  const isLineEnd = (byte: number | undefined): boolean => byte === 13 || byte === 10;
  return at % 3 === 0 || isLineEnd(bytes[at - 1]) || isLineEnd(bytes[at]);
}

/** True when this frame answers for a whole body that the scan service got. */
function judges(vector: Vector, frame: Frame): boolean {
  const before = vector.frames.slice(0, vector.frames.indexOf(frame));
  const asked = before.map(({ bytes }) => bytes.toString('latin1')).join('');
  const request = asked.slice(Math.max(asked.lastIndexOf('REQMOD '), asked.lastIndexOf('RESPMOD ')));
  return SCANNED.test(request) && request.includes('#') && !frame.bytes.includes(' 100 Continue');
}

interface Play {
  /** The dialogue as the page has it. */
  readonly vector: Vector;
  /** What is sent. */
  readonly sent: Vector;
  readonly client: LabClient;
  readonly cut: Cut;
}

async function play({ vector, sent, client, cut }: Play): Promise<void> {
  for (const [index, frame] of vector.frames.entries()) {
    if (frame.side === 'C') {
      for (const segment of cut(sent.frames[index]!)) await client.deliver(segment);
      continue;
    }
    const answer = withoutTag(await client.answer());
    if (sent !== vector && judges(vector, frame)) isBlockPage(answer);
    else if (answer.fields.some((field) => field.startsWith('methods: '))) {
      // OPTIONS: what the client needs to find must be there, more may be.
      expect(answer).toMatchObject({ status: 200, sections: '', body: null });
      expect(answer.fields).toEqual(expect.arrayContaining([...answerTo(frame).fields]));
    } else if (!isDeepStrictEqual(answer, answerTo(frame))) expect(answer).toEqual(answerTo(frame));
  }
  if (closes(vector)) expect(await client.closed()).toHaveLength(0);
}

const vectors = (await Promise.all(PAGES.map((page) => readVectors(`icap/clients/${page}.md`)))).flat();

test('no two dialogues have the same id', () => {
  expect(new Set(vectors.map(({ id }) => id)).size).toBe(vectors.length);
});

describe.each(vectors)('$id $title', (vector) => {
  test(`${vector.id} has the bytes that its page claims`, () => {
    for (const { bytes, length, sha256 } of vector.frames)
      expect(fingerprint(bytes)).toEqual({ length, sha256 });
  });

  const bodies = [{ content: 'a clean body', sent: vector }];
  if (vector.frames.some((frame) => frame.side === 'S' && judges(vector, frame)))
    bodies.push({ content: 'EICAR', sent: infected(vector) });

  test.each(bodies)(`${vector.id} is answered with $content`, async ({ sent }) => {
    const client = await clients.connect();
    await play({ vector, sent, client, cut: whole });
    if (!closes(vector)) await probe(client, '/echo');
    await client[Symbol.asyncDispose]();
  });

  const refused = NOT_STRICT.includes(vector.id);
  test(`${vector.id} is ${refused ? 'refused' : 'answered alike'} by a strict gateway`, async () => {
    await using client = await strictClients.connect();
    const played = play({ vector, sent: vector, client, cut: whole });
    if (refused) await expect(played).rejects.toThrow();
    else await played;
    if (!refused) return;
    await client.closed();
    expect(client.raw.received().toString('latin1')).toMatch(/ICAP\/1\.0 400 /);
  });

  if (vector.whole) return;

  test.each(bodies)(`${vector.id} is answered alike wherever it is cut, with $content`, async ({ sent }) => {
    let client = await clients.connect();
    let plays = 0;
    const again = async (cut: Cut): Promise<void> => {
      await play({ vector, sent, client, cut });
      if (!closes(vector) && ++plays % PLAYS_EACH > 0) return;
      await client[Symbol.asyncDispose]();
      client = await clients.connect();
    };
    await again(byteByByte);
    for (const target of sent.frames.filter(({ side }) => side === 'C')) {
      for (let at = 1; at < target.bytes.length; at++) {
        if (sent !== vector && !isCut(target.bytes, at)) continue;
        const halves = [target.bytes.subarray(0, at), target.bytes.subarray(at)];
        await again((frame) => (frame === target ? halves : [frame.bytes]));
      }
    }
    if (!closes(vector)) await probe(client, '/echo');
    await client[Symbol.asyncDispose]();
  });
});
