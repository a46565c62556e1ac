// Heads, bodies and ICAP bytes of transactions on the dashboard: only where the configuration says so, and
// without secrets unless it says that, too.

import { expect, test } from '@jest/globals';
import type { CapturedBody, TransactionReply } from '../../src/dashboard/api/types.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const SECRET = 'kept-by-nobody-33e';

const text = ({ base64 }: CapturedBody): string => Buffer.from(base64, 'base64').toString('latin1');

async function transactionOf(weir: LocalWeir, id: string): Promise<TransactionReply> {
  const { address, token } = weir.weir.dashboard!;
  const response = await fetch(`http://${address}/api/transactions/${id}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as TransactionReply;
}

/** A transaction with secrets in both directions, over ICAP on a wire, as the dashboard tells it. */
async function seen(capture: object): Promise<TransactionReply> {
  await using origin = await originServer((request, response) => {
    request.resume().on('end', () => response.setHeader('Set-Cookie', `id=${SECRET}`).end('an answer'));
  });
  await using weir = await startTestWeir((port) => ({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } },
      rules: [{ point: 'respmod', use: ['scan'] }],
    },
    capture,
  }));
  await weir.curl(`${origin.url}/page`, '--cookie', `id=${SECRET}`, '--data-binary', 'a question');
  const [record] = await weir.logged(({ kind }) => kind === 'proxy');
  return await transactionOf(weir, record!.id);
}

test('nothing is kept unless that is configured', async () => {
  expect((await seen({})).capture).toBeNull();
});

test('both messages, and what was said to the ICAP server, byte for byte, with secrets overwritten', async () => {
  const { capture } = await seen({ enabled: true });
  expect(capture!.request!.startLine).toMatch(/^POST http:\/\/127\.0\.0\.1:\d+\/page$/);
  expect(text(capture!.request!.body!)).toBe('a question');
  expect(capture!.response!.startLine).toBe('HTTP/1.1 200 OK');
  expect(text(capture!.response!.body!)).toBe('an answer');
  expect(capture!.icap.map(({ service }) => service)).toEqual(['scan']);
  const [{ sent, received }] = capture!.icap as [NonNullable<typeof capture>['icap'][number]];
  expect(text(sent)).toMatch(
    /^RESPMOD icap:[^]*\r\nSet-Cookie: \*+\r\n[^]*9\r\nan answer\r\n0; ieof\r\n\r\n$/,
  );
  expect(text(received)).toMatch(/^ICAP\/1\.0 204 /);
  expect([sent.bytes, sent.truncated]).toEqual([text(sent).length, false]);
  expect(text(sent) + text(received) + JSON.stringify(capture)).not.toContain(SECRET);
});

test('a captured transaction is replayed through another profile, and leaves no mark', async () => {
  await using origin = await originServer((_, response) => response.end(eicar()));
  await using weir = await startTestWeir({
    capture: { enabled: true },
    profiles: { blind: { blades: { antivirus: { enabled: false } } } },
  });
  await weir.curl(`${origin.url}/bad`);
  const [record] = await weir.logged(({ kind }) => kind === 'proxy');
  const { address, token } = weir.weir.dashboard!;
  const replay = async (id: string, body: object): Promise<[number, object]> => {
    const headers = {
      ...{ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'X-Weir-Request': '1' },
    };
    const url = `http://${address}/api/transactions/${id}/replay`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return [response.status, (await response.json()) as object];
  };
  const logged = weir.log().length;
  expect(await replay(record!.id, {})).toMatchObject([200, { changed: false, now: { verdict: 'blocked' } }]);
  expect(await replay(record!.id, { profile: 'blind' })).toMatchObject([
    200,
    { changed: true, before: { verdict: 'blocked' }, now: { verdict: 'allowed', notScanned: 'policy' } },
  ]);
  expect(await replay(record!.id, { profile: 'none' })).toMatchObject([400, { code: 'ERR_CONFIG_VALUE' }]);
  expect(await replay('W-1M82XRXXPV15Q', {})).toMatchObject([409, { hint: expect.any(String) as unknown }]);
  expect(weir.log().length).toBe(logged);
});

test('secrets are there where that is configured, and bodies only up to their bound', async () => {
  const { capture } = await seen({ enabled: true, secrets: true, bodies: 4 });
  expect(JSON.stringify(capture!.request!.headers)).toContain(SECRET);
  expect(text(capture!.icap[0]!.sent)).toContain(`Set-Cookie: id=${SECRET}`);
  expect(capture!.response!.body).toMatchObject({ bytes: 9, truncated: true });
  expect(text(capture!.response!.body!)).toBe('an a');
});
