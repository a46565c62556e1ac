// HTTP trailers, which belong to the message, and ICAP trailers, which belong to the answer. C-33, C-100,
// C-101, K-12, V-16.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { IcapConversation } from './scripted-icap.ts';
import { bodyOf, CONTINUE, NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n\r\n';
const START = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${HEAD.length}\r\n\r\n${HEAD}`;
const LONG = Buffer.alloc(200_000, 'long page ');

function withTrailers(bytes: Buffer, trailers = ['X-Checksum', 'abc']): Body {
  const body = new Body();
  for (let at = 0; at < bytes.length; at += 50_000) body.push(bytes.subarray(at, at + 50_000));
  body.end(trailers);
  return body;
}

/** The rest of a request whose last chunk has trailers. */
const readToTrailers = (peer: IcapConversation): Promise<string> =>
  peer.read(/\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n/);

describe('C-33 HTTP trailers are sent behind the last chunk', () => {
  test.each([
    ['of a preview that holds all', 'abc', ['Preview: 10'], '3\r\nabc\r\n0; ieof\r\nX-Checksum: abc\r\n\r\n'],
    ['of a small body', 'abc', [], '3\r\nabc\r\n0\r\nX-Checksum: abc\r\n\r\n'],
    ['of a body that is streamed', LONG.toString(), [], 'e \r\n0\r\nX-Checksum: abc\r\n\r\n'],
  ])('%s', async (_what, text, fields, expected) => {
    let seen = '';
    await using server = await scriptedIcap(
      async (peer, request) => {
        seen = request + (request.includes('; ieof') ? '' : await readToTrailers(peer));
        peer.send(NO_CONTENT);
      },
      { options: () => optionsAnswer(fields), endOfPreview: /\r\n0(?:; ieof)?\r\n(?:X-.*\r\n)*\r\n/ },
    );
    const adaptation = await server.client().adapt(respmod(withTrailers(Buffer.from(text))));
    expect((await bodyOf(adaptation)).toString()).toBe(text);
    expect(adaptation.body!.trailers).toEqual(['X-Checksum', 'abc']);
    expect(seen.endsWith(expected)).toBe(true);
  });

  test('of what follows 100, and not of the preview before it', async () => {
    let rest = '';
    await using server = await scriptedIcap(async (peer, request) => {
      expect(request).toMatch(/\r\n0\r\n\r\n$/);
      peer.send(CONTINUE);
      rest = await readToTrailers(peer);
      peer.send(NO_CONTENT);
    });
    await bodyOf(await server.client().adapt(respmod(withTrailers(LONG))));
    expect(rest).toMatch(/\r\n0\r\nX-Checksum: abc\r\n\r\n$/);
  });
});

test('C-33 HTTP trailers of an answer stay behind its body', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(`${START}5\r\nhello\r\n0\r\nX-Checksum: 5d41402a\r\n\r\n`);
  });
  const adaptation = await server.client().adapt(respmod(LONG));
  expect((await bodyOf(adaptation)).toString()).toBe('hello');
  expect(adaptation.body!.trailers).toEqual(['X-Checksum', '5d41402a']);
});

describe('V-16 a server that closes on HTTP trailers', () => {
  /** Like c-icap 0.5.10. */
  const closesOnTrailers = async (peer: IcapConversation, request: string): Promise<void> => {
    const sent = request.includes('null-body') ? '' : await readToTrailers(peer);
    if (sent.includes('X-Checksum')) peer.socket.end();
    else peer.send(NO_CONTENT);
  };
  const serve = () => scriptedIcap(closesOnTrailers, { options: () => optionsAnswer([]) });

  test('gets the message again without them, and none from then on', async () => {
    const notices: string[] = [];
    await using server = await serve();
    const client = server.client({ failureLimit: 1, onNotice: (text) => notices.push(text) });
    for (let i = 0; i < 3; i++) {
      const adaptation = await client.adapt(respmod(withTrailers(LONG)));
      expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
      expect(adaptation.body!.trailers).toEqual(['X-Checksum', 'abc']); // ours are whole all the same
    }
    expect(client.status().state).toBe('up');
    expect(notices).toEqual([expect.stringContaining('trailers')]);
    expect(server.connections()).toBe(3); // OPTIONS, the reused one again, and the one that was kept
  });

  test('V-16 may say 408 before it closes, as c-icap does behind a preview', async () => {
    await using server = await scriptedIcap(
      async (peer, request) => {
        const sent = await readToTrailers(peer);
        if (!sent.includes('X-Checksum')) return peer.send(NO_CONTENT);
        peer.send('ICAP/1.0 408 Request timeout\r\nConnection: close\r\n\r\n');
        peer.socket.end();
        expect(request).not.toContain('X-Checksum');
      },
      { options: () => optionsAnswer([]) },
    );
    const adaptation = await server.client({ failureLimit: 1 }).adapt(respmod(withTrailers(LONG)));
    expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
  });

  test('fails the message where sendTrailers insists', async () => {
    await using server = await serve();
    await expect(
      server.client({ sendTrailers: true }).adapt(respmod(withTrailers(LONG))),
    ).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  });

  test('never sees one where sendTrailers is off', async () => {
    await using server = await serve();
    const client = server.client({ sendTrailers: false });
    await bodyOf(await client.adapt(respmod(withTrailers(LONG))));
    expect(server.connections()).toBe(1);
  });

  test('is not blamed when it closes for another reason', async () => {
    const notices: string[] = [];
    await using server = await scriptedIcap((peer) => void peer.socket.end(), {
      options: () => optionsAnswer([]),
    });
    const client = server.client({ onNotice: (text) => notices.push(text) });
    await expect(client.adapt(respmod(withTrailers(LONG)))).rejects.toMatchObject({
      code: 'ERR_ADAPT_UNAVAILABLE',
    });
    expect(notices).toEqual([]);
  });
});

describe('C-101 ICAP trailers', () => {
  const agreed = START.replace('ISTag', 'Allow: trailers\r\nTrailer: X-Virus-ID\r\nISTag');
  const options = (): string => optionsAnswer(['Allow: trailers', 'Preview: 4']);

  test('K-12 are allowed to a server that lists them', async () => {
    const seen: string[] = [];
    const script = (peer: IcapConversation, request: string): void => {
      seen.push(/\r\nAllow: (.*)\r\n/.exec(request)![1]!);
      peer.send(NO_CONTENT);
    };
    await using lists = await scriptedIcap(script, { options });
    await bodyOf(await lists.client().adapt(respmod(LONG)));
    await lists.client().adapt(respmod(null));
    await bodyOf(await lists.client({ allow: ['204'] }).adapt(respmod(LONG)));
    expect(seen).toEqual(['204, trailers', '204, trailers', '204']);
  });

  test('C-100 add their fields to those of the answer before its body ends', async () => {
    await using server = await scriptedIcap(
      (peer) => peer.send(`${agreed}5\r\nhello\r\n0\r\n\r\nX-Virus-ID: late find\r\n\r\n`),
      { options },
    );
    const client = server.client();
    for (let i = 0; i < 2; i++) {
      const adaptation = await client.adapt(respmod(LONG));
      expect((await bodyOf(adaptation)).toString()).toBe('hello');
      expect(adaptation.icapHeaders.slice(-2)).toEqual(['X-Virus-ID', 'late find']);
    }
    expect(server.connections()).toBe(1);
  });

  test('C-100 behind an answer without a body are waited for', async () => {
    const bare = agreed.replace('res-body', 'null-body');
    await using server = await scriptedIcap(
      async (peer) => {
        peer.send(bare);
        await new Promise((resolve) => setImmediate(resolve));
        peer.send('X-Virus-ID: late find\r\n\r\n');
      },
      { options },
    );
    const adaptation = await server.client().adapt(respmod(LONG));
    expect(adaptation.icapHeaders.slice(-2)).toEqual(['X-Virus-ID', 'late find']);
  });

  test('that never come are waited for no longer than the time limit', async () => {
    await using server = await scriptedIcap((peer) => peer.send(`${agreed}5\r\nhello\r\n0\r\n\r\n`), {
      options,
    });
    const adaptation = await server.client({ timeoutMs: 300 }).adapt(respmod(LONG));
    await expect(bodyOf(adaptation)).rejects.toMatchObject({ code: 'ERR_ADAPT_TIMEOUT' });
  });

  test('C-101 `Trailer` without `Allow: trailers` announces none, and is refused where answers are held strictly', async () => {
    const answer = `${START.replace('ISTag', 'Trailer: X-Virus-ID\r\nISTag')}5\r\nhello\r\n0\r\n\r\n`;
    await using server = await scriptedIcap((peer) => peer.send(answer));
    expect((await bodyOf(await server.client().adapt(respmod(LONG)))).toString()).toBe('hello');
    await expect(server.client({ strict: true }).adapt(respmod(LONG))).rejects.toMatchObject({
      code: 'ERR_ADAPT_PROTOCOL',
    });
  });
});
