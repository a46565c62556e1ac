// The corpus of requests and answers that two readers might end at different places, through the whole
// proxy: what is passed on has one meaning, and it is the one that the proxy has logged.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Origin } from '../support/originServer.ts';
import { rawOrigin } from '../support/originServer.ts';
import { rawExchange } from '../support/rawClient.ts';
import type { Outcome, StrictMessage } from '../support/smuggling.ts';
import {
  decoded,
  OK,
  outcomesOf,
  readCorpus,
  readStrictly,
  RecordingOrigin,
  SENTINEL,
  summary,
} from '../support/smuggling.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const REQUESTS = await readCorpus('requests.md');
const ENGINES = ['native', 'undici'] as const;

function expectedBy({ passed, statuses, only, goesOn }: Outcome): { requests: string[]; refusal: number[] } {
  const reachesEnd = !only && (statuses.length === 0 || goesOn);
  return { requests: reachesEnd ? [...passed, 'GET /end'] : [...passed], refusal: [...statuses] };
}

test('the corpus has more than 200 cases, each with a name of its own', () => {
  expect(REQUESTS.length).toBeGreaterThan(200);
  expect(new Set(REQUESTS.map(({ name }) => name)).size).toBe(REQUESTS.length);
});

describe.each(ENGINES)('requests, passed on by the %s engine', (engine) => {
  let weir: LocalWeir;
  let origin: Origin;
  const recorder = new RecordingOrigin();
  const wanted: string[] = []; // what the log must say in the end

  beforeAll(async () => {
    origin = await rawOrigin((socket) => recorder.accept(socket));
    weir = await startTestWeir({ proxy: { upstream: { engine } }, adaptation: { rules: [] } });
  });
  beforeEach(() => {
    recorder.reset();
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  test.each(REQUESTS.map((one) => [one.name, one] as const))('%s', async (_, { bytes, outcome }) => {
    const host = `127.0.0.1:${origin.port}`;
    const marks = { u: `http://${host}`, h: `Host: ${host}\r\n`, p: String(origin.port) };
    const sent = decoded(bytes + SENTINEL, marks);
    const answer = (await rawExchange(weir.proxyPort, Buffer.from(sent, 'latin1'))).toString('latin1');

    expect(recorder.fault).toBeNull();
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
    const refusals = statuses.filter((status) => status >= 400);
    const allowed = outcomesOf(outcome).map(expectedBy);
    const matching = allowed.find(({ requests }) => requests.join() === recorder.requests.join());
    expect(matching ?? { got: recorder.requests, refusals, allowed }).toBe(matching);
    expect(
      matching!.refusal.length === 0
        ? refusals
        : refusals.map((status) => matching!.refusal.includes(status)),
    ).toEqual(matching!.refusal.length === 0 ? [] : [true]);
    wanted.push(...recorder.requests.map((request) => request.split(' "', 1)[0]!));
  });

  test('the log names exactly the requests that origins have got', async () => {
    const forwarded = await weir.logged(
      ({ kind, status }) => kind === 'proxy' && status === 200,
      wanted.length,
    );
    const logged = forwarded.map(
      ({ method, url }) => `${method} ${url.slice(`http://127.0.0.1:${origin.port}`.length) || '*'}`,
    );
    expect(logged).toEqual(wanted);
  });
});

const RESPONSES = await readCorpus('responses.md');

/** What undici's parser takes and ours refuses. Neither is passed on: the client gets another framing. */
const LET_THROUGH_BY_UNDICI: Readonly<Record<string, string[][]>> = {
  'coding in HTTP/1.0': [['200 "abc"', '200 "ok"']],
  'version 2.0': [['200 "abc"', '200 "ok"']],
  'a length in the trailer': [['cut']],
};

describe.each(ENGINES)('responses, received by the %s engine', (engine) => {
  let weir: LocalWeir;
  let origin: Origin;
  let reply = '';

  beforeAll(async () => {
    origin = await rawOrigin((socket) => {
      let asked = '';
      socket.on('data', (chunk: Buffer) => {
        asked += chunk.toString('latin1');
        for (let end = asked.indexOf('\r\n\r\n'); end >= 0; end = asked.indexOf('\r\n\r\n')) {
          const bytes = asked.includes(' /end ') ? OK : reply;
          asked = asked.slice(end + 4);
          socket.write(Buffer.from(bytes.replace('{c}', ''), 'latin1'));
          if (bytes.endsWith('{c}')) socket.end();
        }
      });
      socket.on('end', () => socket.end());
    });
    weir = await startTestWeir({ proxy: { upstream: { engine } }, adaptation: { rules: [] } });
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  test.each(RESPONSES.map((one) => [one.name, one] as const))('%s', async (name, { bytes, outcome }) => {
    const method = name.startsWith('to HEAD') ? 'HEAD' : 'GET';
    const host = `127.0.0.1:${origin.port}`;
    const marks = { u: `http://${host}`, h: `Host: ${host}\r\n` };
    reply = decoded(bytes);
    const sent = decoded(`${method} {u}/a HTTP/1.1\\r\\n{h}\\r\\n${SENTINEL}`, marks);
    const answer = (await rawExchange(weir.proxyPort, sent)).toString('latin1');
    const { messages, rest } = readStrictly(answer, [method, 'GET'], true);
    const got = messages
      .map((message) => responseSummary(message))
      .filter((one) => one !== '103' || !outcome.includes('so on'));
    if (rest !== '' || messages.length === 0) got.push('cut');
    const end = '200 "ok"';
    const allowed = outcomesOf(outcome).map(({ passed, statuses }) =>
      passed.length > 0 && statuses.length === 0
        ? [...passed, end]
        : statuses.length > 0
          ? [`${statuses[0]!}`, end]
          : ['cut'],
    );
    if (engine === 'undici') allowed.push(...(LET_THROUGH_BY_UNDICI[name] ?? []));
    expect(allowed).toContainEqual(got);
  });
});

/** Pages have a body that does not matter here. */
function responseSummary(message: StrictMessage): string {
  const [, status] = message.start;
  return Number(status) >= 500
    ? status
    : summary({ ...message, start: [status, '', ''] })
        .replace('  "', ' "')
        .trim();
}
