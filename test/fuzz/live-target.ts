// A listening ICAP server under damaged dialogues on several connections at once. Whatever comes: the process
// lives, every connection ends within its deadlines, what was sent on it are answers, no handler and no spool
// file is left behind, and the next client is served.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { REASONS } from '../../src/icap/server/responses.ts';
import { type Lab, type LabClient, startLab } from '../icap/server/lab.ts';
import { damaged, segmentsOf } from '../support/mutations.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { decodeAnswer } from '../support/vectors.ts';
import type { FuzzCase, FuzzTarget, Seen, Segments } from './case.ts';
import { dialogues, requests } from './corpus.ts';
import { fuzzedServices, HANDLER_COUNT, type Running } from './live-services.ts';

const STUCK_MS = 15_000; // ample: the limits below are those that should end a connection
const LIMITS = { idleTimeoutMs: 30, requestTimeoutMs: 30, drainTimeoutMs: 100, drainBytes: 2000 };
const SPOOL_MEMORY = 40; // bytes, so that many bodies go to disk

const fewCuts = fc.array(fc.nat(10_000), { maxLength: 6 });
const intact: fc.Arbitrary<Segments> = fc.constantFrom(...dialogues);
const broken: fc.Arbitrary<Segments> = fc
  .tuple(damaged(requests), fewCuts)
  .map(([bytes, places]) => segmentsOf(bytes, places));
const connection: fc.Arbitrary<Segments> = fc
  .array(fc.oneof({ weight: 1, arbitrary: intact }, { weight: 2, arbitrary: broken }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.flat());

const cases: fc.Arbitrary<FuzzCase> = fc.record({
  connections: fc.array(connection, { minLength: 1, maxLength: 4 }),
  choices: fc.record({
    shift: fc.nat(HANDLER_COUNT - 1),
    /** Everything at once, a turn of the event loop between segments, or each once the last was read. */
    pace: fc.constantFrom('burst', 'turns', 'read'),
    /** How the client leaves: half-closes, resets, or waits to be thrown out. */
    leave: fc.oneof(
      { weight: 20, arbitrary: fc.constant('end') },
      { weight: 5, arbitrary: fc.constant('reset') },
      { weight: 1, arbitrary: fc.constant('wait') },
    ),
  }),
});

interface Live {
  readonly lab: Lab;
  readonly spool: TempDir;
  readonly running: Running;
}

/** Starts with the first case; one server for all of them. */
let started: Promise<Live> | null = null;

async function start(): Promise<Live> {
  const running: Running = { started: 0, finished: 0, shift: 0 };
  const spool = await tempDir('weir-fuzz-');
  const lab = await startLab(fuzzedServices(running), {
    limits: LIMITS,
    spool: { memoryBytes: SPOOL_MEMORY, folder: spool.path },
    via: 'ICAP/1.0 fuzz',
  });
  return { lab, spool, running };
}

async function holds(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const giveUpAt = Date.now() + STUCK_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUpAt, what());
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const alive = ({ raw }: LabClient): boolean => !raw.socket.destroyed && !raw.socket.readableEnded;

async function converse(client: LabClient, segments: Segments, choices: FuzzCase['choices']): Promise<void> {
  for (const segment of segments) {
    if (!alive(client)) break;
    if (choices['pace'] === 'read') await client.deliver(segment);
    else client.raw.send(segment);
    if (choices['pace'] === 'turns') await new Promise((resolve) => setImmediate(resolve));
  }
  const { socket } = client.raw;
  if (choices['leave'] === 'reset') socket.resetAndDestroy();
  else if (choices['leave'] === 'end') client.raw.end();
  await holds(
    () => !alive(client),
    () => 'a connection is stuck',
  );
  socket.destroy();
}

/** Statuses of the answers, in order; a last one that breaks off is noted. */
function statusesOf(received: Buffer, seen: Seen): number[] {
  const statuses: number[] = [];
  for (let at = 0; at < received.length;) {
    const found = decodeAnswer(received.subarray(at));
    if (found === null) {
      seen('cut');
      break;
    }
    const { status, fields, sections, icapTrailer } = found.answer;
    assert.ok(status in REASONS, `status ${status}`);
    assert.ok(
      fields.some((field) => field.startsWith('istag: "')),
      'an answer without ISTag',
    );
    assert.match(sections, /^(?:[^]*\r\n\r\n)?$/, 'a section without its blank line');
    assert.doesNotMatch(icapTrailer ?? '', /not-announced/i, 'a trailer field that was not announced');
    statuses.push(status);
    at += found.length;
  }
  return statuses;
}

async function check({ connections, choices }: FuzzCase, seen: Seen): Promise<void> {
  const { lab, running, spool } = await (started ??= start());
  running.shift = Number(choices['shift']);
  lab.reports.length = 0;
  lab.refused.length = 0;
  const before = running.started;
  const clients = await Promise.all(connections.map(() => lab.connect()));
  await Promise.all(clients.map((client, index) => converse(client, connections[index]!, choices)));
  await holds(
    () => lab.server.connections === 0 && lab.server.busy === 0 && running.started === running.finished,
    () =>
      `${lab.server.connections} connections, ${lab.server.busy} busy, ` +
      `${running.started - running.finished} handlers are left`,
  );
  await holds(
    async () => (await readdir(spool.path, { recursive: true })).every((name) => !name.includes('/')),
    () => 'spool files are left',
  );
  for (const client of clients) {
    const statuses = statusesOf(client.raw.received(), seen);
    for (const status of statuses) seen(`status ${status}`);
    if (choices['leave'] === 'wait' && statuses.length === 0) seen('closed without a word');
  }
  for (const { code } of lab.refused) seen(code);
  for (const { error, icapStatus } of lab.reports) seen(`report ${icapStatus} ${error?.code ?? ''}`);
  assert.ok(lab.reports.length >= running.started - before, 'a transaction was not reported');
}

/** Fails with what was thrown outside every promise meanwhile, which would have ended a process. */
async function withoutCrash(run: () => Promise<void>): Promise<void> {
  let crash: (error: Error) => void;
  const crashed = new Promise<never>((_, reject) => (crash = reject));
  process.on('uncaughtException', crash!);
  try {
    await Promise.race([run(), crashed]);
  } finally {
    process.off('uncaughtException', crash!);
  }
}

const PROBE =
  'RESPMOD icap://h/echo ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\n' +
  'HTTP/1.1 200 OK\r\n\r\n5\r\nhello\r\n0\r\n\r\n';

export const liveTarget: FuzzTarget = {
  name: 'live-server',
  runsPerTurn: 40,
  cases,
  check: (given, seen) => withoutCrash(() => check(given, seen)),
  async settle(seen) {
    const { lab, running } = await (started ??= start());
    running.shift = 0;
    await using client = await lab.connect();
    await client.deliver(PROBE);
    assert.equal((await client.answer()).status, 204, 'the next client is not served');
    seen('probe served');
  },
  async stop() {
    const live = await started;
    started = null;
    await live?.lab[Symbol.asyncDispose]();
    await live?.spool[Symbol.asyncDispose]();
  },
};
