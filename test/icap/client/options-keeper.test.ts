// When OPTIONS is asked, and by whom it is waited for.

import { expect, test } from '@jest/globals';
import { OptionsKeeper } from '../../../src/icap/client/options-keeper.ts';
import type { ServiceOptions } from '../../../src/icap/client/options.ts';
import { bodyOf, NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');

/** A keeper whose answers hold for these milliseconds from now; counts how often it asked. */
function keeperOf(refreshIn: number, expiresIn: number, istag = 'a') {
  const asked: (() => void)[] = []; // each answers one request
  const failures: unknown[] = [];
  const options = (): ServiceOptions => ({
    ...{ methods: null, istag, preview: null, allow204: true, allow206: false, allowTrailers: false },
    ...{ maxConnections: null, transferPreview: [], transferIgnore: [], transferComplete: [], include: [] },
    received: [],
    refreshAt: performance.now() + refreshIn,
    expiresAt: performance.now() + expiresIn,
  });
  const keeper = new OptionsKeeper({
    ask: () => new Promise((resolve) => asked.push(() => resolve(options()))),
    onAnswer: () => {},
    onFailure: (error) => failures.push(error),
  });
  const first = async (): Promise<void> => {
    const pending = keeper.current();
    asked[0]!();
    await pending;
  };
  return { keeper, asked, first };
}

test('K-02 an answer that holds is used without asking', async () => {
  const { keeper, asked, first } = keeperOf(60_000, 60_000);
  await first();
  expect(keeper.current()).toBe(keeper.known);
  expect(asked.length).toBe(1);
});

test('K-02 shortly before it expires the answer is still used, and asked for anew beside the messages', async () => {
  const { keeper, asked, first } = keeperOf(-1, 60_000);
  await first();
  const known = keeper.known;
  for (let i = 0; i < 3; i++) expect(keeper.current()).toBe(known);
  expect(asked.length).toBe(2);
});

test('K-01 K-02 nothing is sent by an answer that has expired: all wait for the next one', async () => {
  const { keeper, asked, first } = keeperOf(-2, -1);
  await first();
  const waiting = [keeper.current(), keeper.current(), keeper.current()];
  expect(asked.length).toBe(2);
  asked[1]!();
  for (const pending of waiting) expect(await pending).toBe(keeper.known);
});

test('V-34 K-06 a server with another ISTag in each answer is not asked for OPTIONS each time', async () => {
  let tag = 0;
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT.replace('"t1"', `"tag-${tag++}"`)), {
    options: () => optionsAnswer(['Preview: 4'], `tag-${tag++}`),
  });
  const client = server.client();
  for (let i = 0; i < 20; i++) await bodyOf(await client.adapt(respmod(TEXT)));
  expect(server.optionsRequests()).toBe(2);
});

test('K-06 a server that shows no ISTag in OPTIONS is not asked again for those of its answers', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), {
    options: () => optionsAnswer().replace('ISTag: "t1"\r\n', ''),
  });
  const client = server.client();
  for (let i = 0; i < 5; i++) await bodyOf(await client.adapt(respmod(TEXT)));
  expect(server.optionsRequests()).toBe(1);
});

test('K-04 a service that names no methods is used, and that is told once', async () => {
  const notices: string[] = [];
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), {
    options: () => optionsAnswer().replace('Methods: REQMOD, RESPMOD\r\n', ''),
  });
  const client = server.client({ onNotice: (text) => notices.push(text) });
  for (let i = 0; i < 3; i++) await bodyOf(await client.adapt(respmod(TEXT)));
  expect(notices).toEqual([expect.stringContaining('methods')]);
});
