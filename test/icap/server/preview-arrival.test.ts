// A preview that arrives in pieces while the service has its answer already: an answer that is made from the
// original must not begin before it is known whether the rest has to be asked for.

import { expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { IcapOutcome, IcapTransaction } from '../../../src/icap/service.ts';
import type { Handler, Lab } from './lab.ts';
import { startLab, turnsUntil } from './lab.ts';
import { probe } from './play.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n\r\n';
const request = (preview: number): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nPreview: ${preview}\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\n${HEAD}`;

/** The original again, while it is still arriving. */
const streams: Handler = ({ body, response }): IcapOutcome => ({
  kind: 'adapted',
  response: response!,
  body: body!.restream(),
  serverMade: false,
});

const labOf = (handle: Handler, limits = {}): Promise<Lab> =>
  startLab({ '/s': { methods: ['RESPMOD'], handle } }, { limits });

test('S-03 S-06 a copy that is streamed asks for the rest behind a preview that comes in pieces', async () => {
  await using lab = await labOf(streams);
  await using client = await lab.connect();
  for (const piece of [request(8), '3\r\nhe', 'l\r\n', '0\r\n\r', '\n']) {
    expect(client.raw.received()).toHaveLength(0);
    await client.deliver(piece);
  }
  expect(await client.answer()).toMatchObject({ status: 100 });
  await client.deliver('2\r\nlo\r\n0\r\n\r\n');
  expect(await client.answer()).toMatchObject({ status: 200, body: 'hello', sections: HEAD });
  await probe(client, '/s');
});

test('C-46 a copy that is streamed is complete when the preview was all', async () => {
  await using lab = await labOf(streams);
  await using client = await lab.connect();
  await client.deliver(request(8));
  await client.deliver('5\r\nhello\r\n');
  await client.deliver('0; ieof\r\n\r\n');
  expect(await client.answer()).toMatchObject({ status: 200, body: 'hello' });
  await probe(client, '/s');
});

test('a preview larger than what is kept of it does not stand still', async () => {
  const size = 300_000;
  await using lab = await labOf(streams);
  await using client = await lab.connect();
  await client.deliver(request(size));
  client.raw.send(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0; ieof\r\n\r\n`);
  expect(await client.answer()).toMatchObject({ status: 200, body: 'x'.repeat(size) });
  await probe(client, '/s');
});

test('C-54 an answer of the server’s own does not wait for the preview', async () => {
  const response = { version: '1.1', status: 403, reason: 'Forbidden', headers: [] };
  const handle = (): IcapOutcome => {
    const body = new Body(); // comes as it is made
    setImmediate(() => (body.push(Buffer.from('no')), body.end()));
    return { kind: 'adapted', response, body, serverMade: true };
  };
  await using lab = await labOf(handle);
  await using client = await lab.connect();
  await client.deliver(request(8));
  expect(await client.answer()).toMatchObject({ status: 200, body: 'no' });
  await client.deliver('5\r\nhello\r\n0\r\n\r\n');
  await probe(client, '/s');
});

test.each([
  ['goes away', (lab: Lab) => lab.server.connections === 0, 'ERR_ABORTED'],
  ['falls silent', (lab: Lab) => lab.reports.length === 1, 'ERR_ICAP_TIMEOUT'],
])('an answer that waits for a preview is dropped when the client %s', async (what, over, code) => {
  let made: Body | undefined;
  const handle = (transaction: IcapTransaction): IcapOutcome => {
    const outcome = streams(transaction) as IcapOutcome & { body: Body };
    made = outcome.body;
    return outcome;
  };
  await using lab = await labOf(handle, { requestTimeoutMs: 20 });
  await using client = await lab.connect();
  await client.deliver(`${request(8)}3\r\nhel`);
  if (what === 'goes away') client.raw.socket.resetAndDestroy();
  await turnsUntil(() => over(lab), 'the end of the exchange');
  expect(lab.reports).toMatchObject([{ outcome: null, error: { code } }]);
  expect(made!.settled).toBe(true);
  expect(lab.server.busy).toBe(0);
  if (what === 'falls silent') expect(await client.answer()).toMatchObject({ status: 408 });
});

test('V-12 an empty preview that is ended twice does not hide the body when it comes behind the head', async () => {
  const handle: Handler = async ({ body }) => {
    await body!.hold();
    return { kind: 'unmodified' };
  };
  await using lab = await labOf(handle);
  await using client = await lab.connect();
  await client.deliver(request(0));
  await client.deliver('0\r\n\r\n0\r\n\r\n');
  expect(await client.answer()).toMatchObject({ status: 100 });
  await client.deliver('5\r\nhello\r\n0\r\n\r\n');
  expect(await client.answer()).toMatchObject({ status: 200, body: 'hello' });
  await probe(client, '/s');
});
