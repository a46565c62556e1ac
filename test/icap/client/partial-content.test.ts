// 206: the start of the message is the server's, the rest the original's from the byte that the last chunk
// names. K-12, K-35; C-61 … C-68.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { WeirError } from '../../../src/errors.ts';
import type { AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import type { IcapConversation } from './scripted-icap.ts';
import { bodyOf, CONTINUE, NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nX-Scanned-By: gold\r\n\r\n';
const START = `ICAP/1.0 206 Partial Content\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${HEAD.length}\r\n\r\n${HEAD}`;
const TEXT = Buffer.from('twenty bytes of text');
const LONG = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

const WITH_206 = () => optionsAnswer(['Allow: 206', 'Preview: 8']);
const WITHOUT_PREVIEW = () => optionsAnswer(['Allow: 206']);
const chunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
const partial = (prefix: string, from: number | string): string =>
  `${START}${chunk(prefix)}0; use-original-body=${from}\r\n\r\n`;

const serve206 = (answer: string, options = WITH_206) =>
  scriptedIcap((peer) => peer.send(answer), { options });

/** A body whose length nobody knows before its end. */
function ofUnknownLength(bytes: Buffer): Body {
  const body = new Body();
  body.push(bytes);
  queueMicrotask(() => body.end());
  return body;
}

test('K-12 206 is allowed only where OPTIONS lists it and there is a body', async () => {
  const seen: string[] = [];
  const script = (peer: IcapConversation, request: string): void => {
    seen.push(/\r\nAllow: (.*)\r\n/.exec(request)![1]!);
    peer.send(NO_CONTENT);
  };
  await using listed = await scriptedIcap(script, { options: WITH_206 });
  const client = listed.client();
  await bodyOf(await client.adapt(respmod(TEXT)));
  await client.adapt(respmod(null));
  await using unlisted = await scriptedIcap(script);
  await bodyOf(await unlisted.client().adapt(respmod(TEXT)));
  await bodyOf(await listed.client({ allow: ['204'] }).adapt(respmod(TEXT)));
  expect(seen).toEqual(['204, 206', '204', '204', '204']);
});

test('C-62 OPTIONS is asked with everything that is offered, or with no Allow at all', async () => {
  const seen: string[] = [];
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), {
    options: (request) => {
      seen.push(/\r\nAllow: (.*)\r\n/.exec(request)?.[1] ?? 'none');
      return optionsAnswer();
    },
  });
  await bodyOf(await server.client().adapt(respmod(TEXT)));
  await bodyOf(await server.client({ allow: [] }).adapt(respmod(TEXT)));
  expect(seen).toEqual(['204, 206, trailers', 'none']);
});

describe.each([false, true])('keeping the original: %s', (keepOriginal) => {
  const more: Partial<AdaptationMessage> = { keepOriginal };

  test.each([
    ['', 0, 'twenty bytes of text'],
    ['ALERT: ', 7, 'ALERT: bytes of text'],
    ['new', 20, 'new'],
    ['', 19, 't'],
  ])('C-64 "%s" and the original from %d on make "%s"', async (prefix, from, expected) => {
    await using server = await serve206(partial(prefix, from));
    const client = server.client();
    for (const body of [TEXT, ofUnknownLength(TEXT)]) {
      const adaptation = await client.adapt(respmod(body, more));
      expect(adaptation).toMatchObject({ icapStatus: 206, response: { status: 200 }, preview: 8 });
      expect((await bodyOf(adaptation)).toString()).toBe(expected);
    }
    expect(server.connections()).toBe(1);
  });

  test('K-35 the prefix goes on as it comes, and the original follows once the last chunk says so', async () => {
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    await using server = await scriptedIcap(
      async (peer) => {
        peer.send(`${START}${chunk('first ')}`);
        await held;
        peer.send(`${chunk('second ')}0; use-original-body=100000\r\n\r\n`);
      },
      { options: WITH_206 },
    );
    const adaptation = await server.client().adapt(respmod(LONG, more));
    const body = adaptation.body!;
    const pieces: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      body.consume({
        onData: (piece) => {
          pieces.push(piece);
          goOn(); // only now does the server send the rest
          return true;
        },
        onEnd: () => resolve(),
        onError: reject,
      });
    });
    expect(
      Buffer.concat(pieces).equals(Buffer.concat([Buffer.from('first second '), LONG.subarray(100_000)])),
    ).toBe(true);
    adaptation.dropOriginal?.();
  });

  test('C-64 a 206 without the extension is a 200', async () => {
    await using server = await serve206(`${START}${chunk('all of it')}0\r\n\r\n`);
    const adaptation = await server.client().adapt(respmod(LONG, more));
    expect((await bodyOf(adaptation)).toString()).toBe('all of it');
    adaptation.dropOriginal?.();
  });
});

test('K-35 the original is whole again after a 206 that breaks off in its prefix', async () => {
  await using server = await scriptedIcap(
    (peer) => {
      peer.send(`${START}${chunk('first ')}`);
      peer.socket.end();
    },
    { options: WITH_206 },
  );
  const message = respmod(LONG, { keepOriginal: true });
  const adaptation = await server.client().adapt(message);
  await expect(bodyOf(adaptation)).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  expect(message.body!.intact).toBe(true);
  expect((await bodyOf({ ...adaptation, body: message.body!.restream() })).equals(LONG)).toBe(true);
});

test.each(['', 'prefix '])(
  'C-65 an offset past the end fails like a broken 200 (prefix "%s")',
  async (prefix) => {
    await using server = await serve206(partial(prefix, 21));
    const client = server.client();
    await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
    const unknown = respmod(ofUnknownLength(TEXT));
    const failure = await client
      .adapt(unknown)
      .then(bodyOf)
      .catch((error: unknown) => error as WeirError);
    expect(failure).toMatchObject({
      code: 'ERR_ADAPT_PROTOCOL',
      message: expect.stringContaining('20 bytes'),
    });
  },
);

test.each(['-1', '1x', '', '99999999999999999999'])('C-65 an offset of "%s" is no offset', async (offset) => {
  await using server = await serve206(partial('prefix ', offset));
  const message = respmod(TEXT, { keepOriginal: true });
  const failed = server.client().adapt(message).then(bodyOf);
  await expect(failed).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
  expect(message.body!.intact).toBe(true);
});

test('C-64 only a 206 may refer to the original', async () => {
  await using server = await serve206(partial('start ', 6).replace('206 Partial Content', '200 OK'));
  const failed = server.client().adapt(respmod(TEXT)).then(bodyOf);
  await expect(failed).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
});

test('C-67 a 206 in answer to a message without a body is broken', async () => {
  await using server = await serve206(partial('', 0));
  await expect(server.client().adapt(respmod(null))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
});

test('K-33 a 206 that was not allowed is taken while the original is there, and told once', async () => {
  const notices: string[] = [];
  await using server = await serve206(partial('ALERT: ', 7), () => optionsAnswer());
  const client = server.client({ onNotice: (text) => notices.push(text) });
  for (let i = 0; i < 2; i++) {
    expect((await bodyOf(await client.adapt(respmod(TEXT)))).toString()).toBe('ALERT: bytes of text');
  }
  expect(notices).toEqual([expect.stringContaining('206')]);
});

test('C-82 a connection is not used again after a 206 outside previews', async () => {
  await using server = await scriptedIcap(
    async (peer) => {
      await peer.readRest();
      peer.send(partial('ALERT: ', 7));
    },
    { options: WITHOUT_PREVIEW },
  );
  const client = server.client();
  for (let i = 0; i < 2; i++) {
    const adaptation = await client.adapt(respmod(LONG));
    const expected = Buffer.concat([Buffer.from('ALERT: '), LONG.subarray(7)]);
    expect((await bodyOf(adaptation)).equals(expected)).toBe(true);
  }
  expect(server.connections()).toBe(2); // OPTIONS and the first message shared one, which was then closed
});

test('C-51 a 206 behind 100 and the whole body goes on with the kept original', async () => {
  await using server = await scriptedIcap(
    async (peer) => {
      peer.send(CONTINUE);
      await peer.readRest();
      peer.send(partial('ALERT: ', 200_000));
    },
    { options: WITH_206 },
  );
  const adaptation = await server.client().adapt(respmod(LONG));
  const expected = Buffer.concat([Buffer.from('ALERT: '), LONG.subarray(200_000)]);
  expect((await bodyOf(adaptation)).equals(expected)).toBe(true);
});

test('an early 206 gets the original although not all of it was sent', async () => {
  await using server = await scriptedIcap((peer) => peer.send(partial('X', 1)), { options: WITHOUT_PREVIEW });
  const body = new Body();
  body.push(LONG.subarray(0, 150_000));
  const adaptation = await server.client().adapt(respmod(body));
  setImmediate(() => {
    body.push(LONG.subarray(150_000));
    body.end();
  });
  const expected = Buffer.concat([Buffer.from('X'), LONG.subarray(1)]);
  expect((await bodyOf(adaptation)).equals(expected)).toBe(true);
});

test('C-68 who gives up during a 206 frees the original', async () => {
  await using server = await scriptedIcap((peer) => peer.send(`${START}${chunk('first ')}`), {
    options: WITH_206,
  });
  const message = respmod(LONG);
  const adaptation = await server.client().adapt(message);
  adaptation.body!.cancel();
  expect(message.body!.intact).toBe(false);
});

test('HTTP trailers of the original stay behind it, those of the answer take their place', async () => {
  const trailersOf = async (answer: string): Promise<readonly string[]> => {
    await using server = await serve206(answer);
    const body = new Body();
    body.push(TEXT);
    body.end(['X-Own', 'original']);
    const adaptation = await server.client().adapt(respmod(body));
    await bodyOf(adaptation);
    return adaptation.body!.trailers;
  };
  expect(await trailersOf(partial('', 0))).toEqual(['X-Own', 'original']);
  const withTrailer = partial('', 1).replace(/\r\n$/, 'X-Own: new\r\n\r\n');
  expect(await trailersOf(withTrailer)).toEqual(['X-Own', 'new']);
});
