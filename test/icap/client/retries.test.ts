// When a message is sent again, when it can be had back, and when a connection is too old for it. K-11,
// K-20 … K-22, K-33.

import { describe, expect, test } from '@jest/globals';
import { HttpError } from '../../../src/errors.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import type { ScriptedIcap } from './scripted-icap.ts';
import {
  bodyOf,
  CONTINUE,
  NO_CONTENT,
  optionsAnswer,
  PAGE,
  PAGE_START,
  respmod,
  scriptedIcap,
} from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');
const LONG = Buffer.alloc(300_000, 'long page ');
const BROKEN = 'ICAP/1.0 500 Server Error\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n';

describe('K-21 retries', () => {
  /** Fails the first messages in a way of its own. */
  const failing = (times: number, seen: string[]): Promise<ScriptedIcap> =>
    scriptedIcap(async (peer, request, index) => {
      seen.push(request);
      if (index >= times) return peer.send(NO_CONTENT);
      peer.send(CONTINUE);
      await peer.readRest();
      if (index % 2 === 0) peer.socket.end();
      else peer.send(BROKEN);
    });

  test('are not made unless the configuration says so', async () => {
    const seen: string[] = [];
    await using server = await failing(1, seen);
    await expect(server.client().adapt(respmod(LONG))).rejects.toMatchObject({
      code: 'ERR_ADAPT_UNAVAILABLE',
    });
    expect(seen.length).toBe(1);
  });

  test('send the whole message again, as often as they are allowed', async () => {
    const seen: string[] = [];
    await using server = await failing(2, seen);
    const adaptation = await server.client({ retries: 2 }).adapt(respmod(LONG));
    expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
    expect(new Set(seen).size).toBe(1);
    await using worse = await failing(3, seen);
    await expect(worse.client({ retries: 2 }).adapt(respmod(LONG))).rejects.toMatchObject({
      code: 'ERR_ADAPT_UNAVAILABLE',
    });
  });

  test('are not made for a message that the service judged', async () => {
    let requests = 0;
    await using server = await scriptedIcap((peer) => {
      requests++;
      peer.send(BROKEN.replace('500', '418'));
    });
    await expect(server.client({ retries: 3 }).adapt(respmod(TEXT))).rejects.toMatchObject({
      fields: { icapStatus: 418 },
    });
    expect(requests).toBe(1);
  });

  test('are not made once bytes of an answer went on', async () => {
    let requests = 0;
    await using server = await scriptedIcap((peer) => {
      requests++;
      peer.send(`${PAGE_START}ff\r\nonly this much`);
      peer.socket.end();
    });
    const adaptation = await server.client({ retries: 3 }).adapt(respmod(TEXT));
    await expect(bodyOf(adaptation)).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
    expect(requests).toBe(1);
  });

  test('are not made for somebody who has left', async () => {
    const cancellation = new Cancellation();
    let requests = 0;
    await using server = await scriptedIcap((peer) => {
      requests++;
      cancellation.cancel(new HttpError('ERR_ABORTED', 'the client left'));
      peer.socket.end();
    });
    await expect(server.client({ retries: 3 }).adapt(respmod(TEXT, { cancellation }))).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    expect(requests).toBe(1);
  });
});

describe('K-11 a body that is longer than may be kept', () => {
  const spool = { memoryBytes: 1000, totalBytes: 100_000, folder: null };

  test('is sent without `Allow: 204`, and an answer of its own is taken', async () => {
    let seen = '';
    await using server = await scriptedIcap(
      async (peer, request) => {
        seen = request;
        await peer.readRest();
        peer.send(PAGE);
      },
      { options: () => optionsAnswer(['Allow: 206']) },
    );
    const adaptation = await server.client({ spool }).adapt(respmod(LONG));
    expect((await bodyOf(adaptation)).toString()).toBe('blocked');
    expect(seen).not.toContain('Allow:');
  });

  test('K-33 is lost to a 204 that comes all the same, and is not to one in answer to its preview', async () => {
    await using late = await scriptedIcap(async (peer) => {
      peer.send(CONTINUE);
      await peer.readRest();
      peer.send(NO_CONTENT);
    });
    await expect(late.client({ spool }).adapt(respmod(LONG))).rejects.toMatchObject({
      code: 'ERR_ADAPT_PROTOCOL',
    });
    await using early = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const adaptation = await early.client({ spool }).adapt(respmod(LONG));
    expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
  });

  test('K-22 goes over a connection of its own, which nobody can have closed meanwhile', async () => {
    await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const client = server.client({ spool });
    await bodyOf(await client.adapt(respmod(TEXT)));
    expect(server.connections()).toBe(1);
    await bodyOf(await client.adapt(respmod(LONG)));
    expect(server.connections()).toBe(2);
  });

  test('allows 204 as always when there is no body', async () => {
    let seen = '';
    await using server = await scriptedIcap((peer, request) => {
      seen = request;
      peer.send(NO_CONTENT);
    });
    await server.client({ spool }).adapt(respmod(null));
    expect(seen).toContain('\r\nAllow: 204\r\n');
  });
});

test('K-33 a 204 that was not allowed is taken while the original is there, and told once', async () => {
  const notices: string[] = [];
  await using server = await scriptedIcap(
    async (peer) => {
      await peer.readRest();
      peer.send(NO_CONTENT);
    },
    { options: () => optionsAnswer([]) },
  );
  const client = server.client({ allow: [], onNotice: (text) => notices.push(text) });
  for (let i = 0; i < 2; i++) {
    expect((await bodyOf(await client.adapt(respmod(LONG)))).equals(LONG)).toBe(true);
  }
  expect(notices).toEqual([expect.stringContaining('204')]);
});

test('K-33 a 204 in answer to a preview needs no leave', async () => {
  const notices: string[] = [];
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const client = server.client({ allow: [], onNotice: (text) => notices.push(text) });
  expect((await bodyOf(await client.adapt(respmod(LONG)))).equals(LONG)).toBe(true);
  expect(notices).toEqual([]);
});

test('S-11 an error that is well-formed costs the message, not the connection', async () => {
  await using server = await scriptedIcap((peer, _request, index) => {
    peer.send(index === 0 ? BROKEN.replace('500', '404') : NO_CONTENT);
  });
  const client = server.client();
  await expect(client.adapt(respmod(LONG))).rejects.toMatchObject({ fields: { icapStatus: 404 } });
  expect((await bodyOf(await client.adapt(respmod(LONG)))).equals(LONG)).toBe(true);
  expect(server.connections()).toBe(1);
});

describe('K-10 the preview that is announced', () => {
  const announced = async (body: Buffer, wanted: number, more = {}): Promise<string> => {
    let seen = '';
    await using server = await scriptedIcap(
      (peer, request) => {
        seen = request;
        peer.send(NO_CONTENT);
      },
      { options: () => optionsAnswer([`Preview: ${wanted}`]) },
    );
    await bodyOf(await server.client(more).adapt(respmod(body)));
    return `${/\r\nPreview: (.*)\r\n/.exec(seen)?.[1] ?? 'none'}${seen.includes('ieof') ? ' ieof' : ''}`;
  };

  test.each([
    ['what OPTIONS says', TEXT, 4, {}, '4'],
    ['the length of the body, if that is less', TEXT, 1000, {}, '21 ieof'],
    ['and not one byte too few to see the end', TEXT, TEXT.length, {}, '21 ieof'],
    ['what the configuration says, if that is less', TEXT, 1000, { previewBytes: 10 }, '10'],
    ['nothing, which is not the same as no preview', TEXT, 0, {}, '0'],
    ['nothing, if the configuration says so', TEXT, 1000, { previewBytes: 0 }, '0'],
    ['64 KiB at most', LONG, 1_000_000, {}, '65536'],
  ])('is %s', async (_what, body, wanted, more, expected) => {
    expect(await announced(body, wanted, more)).toBe(expected);
  });

  test('is none where OPTIONS has none, or where there is no body', async () => {
    const seen: string[] = [];
    await using server = await scriptedIcap(
      async (peer, request) => {
        seen.push(request);
        if (!request.includes('null-body')) await peer.readRest();
        peer.send(NO_CONTENT);
      },
      { options: () => optionsAnswer([]) },
    );
    const client = server.client({ previewBytes: 10 });
    await bodyOf(await client.adapt(respmod(TEXT)));
    await client.adapt(respmod(null));
    expect(seen.join()).not.toContain('Preview');
  });
});
