import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { bufferBody, fileBody, type ProbeBody } from '../../../src/icap/probe/body-source.ts';
import { probeMessage, type ProbeMessage, type ProbeOutcome } from '../../../src/icap/probe/exchange.ts';
import type { RawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import { rawServer } from './raw-server.ts';

const BODY = 'twenty bytes of text';
const HTTP = 'HTTP/1.1 200 OK\r\n\r\n';
const NO_CONTENT = 'ICAP/1.0 204 No Content\r\nISTag: "t"\r\n\r\n';
const CONTINUE = 'ICAP/1.0 100 Continue\r\nISTag: "t"\r\n\r\n';
const END_OF_HEADS = /\r\n\r\n[^]*\r\n\r\n[^]*\r\n\r\n/; // ICAP, request and response

const answer = (rest: string, status = 200, header = HTTP): string =>
  `ICAP/1.0 ${status} X\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=${header.length}\r\n\r\n${header}${rest}`;

function respmod(body: ProbeBody | null, more: Partial<ProbeMessage> = {}): ProbeMessage {
  return {
    method: 'RESPMOD',
    icapFields: [],
    requestHeader: 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    responseHeader: HTTP,
    body,
    preview: null,
    allow: ['204'],
    ...more,
  };
}

interface Played {
  readonly outcome: ProbeOutcome;
  /** The adapted body. */
  readonly result: string;
}

/** Sends the message to a server that plays `script`; fails when the script does. */
async function play(message: ProbeMessage, script: (peer: RawClient) => Promise<void>): Promise<Played> {
  await using server = await rawServer(script);
  const client = await server.connect();
  const pieces: Buffer[] = [];
  const outcome = await probeMessage(client, server.target, message, (piece) => void pieces.push(piece));
  await server.played;
  return { outcome, result: Buffer.concat(pieces).toString() };
}

const text = (body = BODY): ProbeBody => bufferBody(Buffer.from(body));
const ids = (notes: readonly string[]): string[] => notes.map((note) => note.split(' ', 1)[0]!);
const behindHeads = (bytes: Buffer): string =>
  END_OF_HEADS.exec(bytes.toString('latin1')) === null
    ? ''
    : bytes.toString('latin1').split('\r\n\r\n').slice(3).join('\r\n\r\n');

describe('what is sent', () => {
  test('C-21.07 a response with body is announced with its offsets, and sent whole in chunks', async () => {
    let request = '';
    await play(respmod(text(), { icapFields: ['X-Client-IP', '192.0.2.1'] }), async (peer) => {
      request = (await peer.take(/0\r\n\r\n$/)).toString();
      peer.send(NO_CONTENT);
    });
    expect(request).toMatch(
      /^RESPMOD icap:\/\/127\.0\.0\.1:\d+\/scan ICAP\/1\.0\r\nHost: 127\.0\.0\.1:\d+\r\n/,
    );
    expect(request).toContain(
      '\r\nX-Client-IP: 192.0.2.1\r\nAllow: 204\r\nEncapsulated: req-hdr=0, res-hdr=45, res-body=64\r\n\r\n',
    );
    expect(request.endsWith(`${HTTP}14\r\n${BODY}\r\n0\r\n\r\n`)).toBe(true);
  });

  test('C-35 a message without body has null-body and no chunk, also with a preview', async () => {
    const message = respmod(null, { method: 'REQMOD', responseHeader: null, preview: 0 });
    const { outcome } = await play(message, async (peer) => {
      const request = (await peer.take(/\r\n\r\n[^]*\r\n\r\n/)).toString();
      expect(request).toContain('Preview: 0\r\nEncapsulated: req-hdr=0, null-body=45\r\n\r\n');
      expect(request.endsWith('Host: a.test\r\n\r\n')).toBe(true);
      peer.send(NO_CONTENT);
    });
    expect(outcome).toMatchObject({ assembled: 'original', resultBytes: 0, notes: [], fault: null });
  });

  test('no Allow is sent when nothing is allowed', async () => {
    const { outcome } = await play(respmod(text(), { allow: [] }), async (peer) => {
      expect((await peer.take(/0\r\n\r\n$/)).toString()).not.toMatch(/^Allow/m);
      peer.send(NO_CONTENT);
    });
    expect(ids(outcome.notes)).toEqual(['C-50']);
  });
});

describe('preview', () => {
  test.each([
    ['C-40 a preview ends with a zero chunk', 8, '8\r\ntwenty b\r\n0\r\n\r\n'],
    ['C-41 an empty preview is a zero chunk alone', 0, '0\r\n\r\n'],
    ['C-42 a preview that holds all says ieof', 20, `14\r\n${BODY}\r\n0; ieof\r\n\r\n`],
  ])('%s', async (_title, preview, expected) => {
    let sent = '';
    const { result } = await play(respmod(text(), { preview }), async (peer) => {
      sent = behindHeads(await peer.take(/(?:^|\r\n)0(?:; ieof)?\r\n\r\n$/));
      peer.send(NO_CONTENT);
    });
    expect(sent).toBe(expected);
    expect(result).toBe(BODY);
  });

  test('C-48 after 100 Continue the rest follows, from where the preview ended', async () => {
    let rest = '';
    const { outcome, result } = await play(respmod(text(), { preview: 8 }), async (peer) => {
      await peer.take(/0\r\n\r\n$/);
      peer.send(CONTINUE);
      rest = (await peer.take(/0\r\n\r\n$/)).toString();
      peer.send(NO_CONTENT);
    });
    expect(rest).toBe('c\r\nytes of text\r\n0\r\n\r\n');
    expect(outcome).toMatchObject({
      continued: true,
      bodySent: 20,
      preview: { offered: 8, sent: 8, ieof: false },
    });
    expect(outcome.notes).toEqual([]);
    expect(result).toBe(BODY);
  });

  test('C-49 after a final answer to the preview nothing more is sent', async () => {
    await using server = await rawServer(async (peer) => {
      await peer.take(/0\r\n\r\n$/);
      peer.send(NO_CONTENT);
    });
    const client = await server.connect();
    const outcome = await probeMessage(client, server.target, respmod(text(), { preview: 8 }), () => {});
    expect(outcome).toMatchObject({ continued: false, bodySent: 8, early: false, resultBytes: 20 });
    const last = client.transcript.entries.filter(({ direction }) => direction === 'sent').at(-1)!;
    expect(last.bytes.toString().endsWith('8\r\ntwenty b\r\n0\r\n\r\n')).toBe(true);
  });

  test('C-46 a 100 after ieof is noted and the final answer awaited', async () => {
    const { outcome } = await play(respmod(text(), { preview: 20 }), async (peer) => {
      await peer.take(/ieof\r\n\r\n$/);
      peer.send(CONTINUE, NO_CONTENT);
    });
    expect(outcome).toMatchObject({ continued: false, assembled: 'original' });
    expect(ids(outcome.notes)).toEqual(['C-46']);
  });

  test('C-51 a 204 after 100 that was not allowed is noted', async () => {
    const { outcome } = await play(respmod(text(), { preview: 8, allow: [] }), async (peer) => {
      await peer.take(/0\r\n\r\n$/);
      peer.send(CONTINUE);
      await peer.take(/0\r\n\r\n$/);
      peer.send(NO_CONTENT);
    });
    expect(ids(outcome.notes)).toEqual(['C-51']);
  });

  test.each([
    ['without a preview', null, ''],
    ['twice', 8, CONTINUE],
  ])('K-34 a 100 %s ends the exchange', async (_title, preview, first) => {
    await expect(
      play(respmod(text(), { preview }), async (peer) => {
        await peer.take(/0\r\n\r\n$/);
        peer.send(first, CONTINUE);
      }),
    ).rejects.toMatchObject({ code: 'ERR_PROBE_PROTOCOL', message: expect.stringContaining('K-34') });
  });
});

describe('answers', () => {
  const answered = (message: ProbeMessage, bytes: string): Promise<Played> =>
    play(message, async (peer) => {
      await peer.take(/0(?:; ieof)?\r\n\r\n$/);
      peer.send(bytes);
    });

  test('a 200 gives its own body', async () => {
    const { outcome, result } = await answered(respmod(text()), answer('5\r\nhello\r\n0\r\n\r\n'));
    expect(result).toBe('hello');
    expect(outcome).toMatchObject({ assembled: 'new', resultBytes: 5, fault: null, notes: [] });
  });

  test('S-06 a 200 to a preview without 100 is noted: the rest is lost', async () => {
    const { outcome } = await answered(respmod(text(), { preview: 4 }), answer('0\r\n\r\n'));
    expect(ids(outcome.notes)).toEqual(['S-06']);
  });

  test('C-64 a 206 is put together from new bytes and the end of the original', async () => {
    const message = respmod(text(), { allow: ['204', '206'] });
    const { outcome, result } = await answered(
      message,
      answer('7\r\nALERT: \r\n0; use-original-body=7\r\n\r\n', 206),
    );
    expect(result).toBe('ALERT: bytes of text');
    expect(outcome).toMatchObject({ assembled: 'both', notes: [], resultBytes: 20 });
  });

  test('C-64 a 206 in a preview takes bytes that were never sent', async () => {
    const message = respmod(text(), { allow: ['206'], preview: 4 });
    const { result, outcome } = await answered(message, answer('0; use-original-body=0\r\n\r\n', 206));
    expect(result).toBe(BODY);
    expect(outcome.notes).toEqual([]);
  });

  test('C-64 a 206 without the extension is a 200', async () => {
    const { result } = await answered(
      respmod(text(), { allow: ['204', '206'] }),
      answer('1\r\nx\r\n0\r\n\r\n', 206),
    );
    expect(result).toBe('x');
  });

  test('C-61 a 206 that was not allowed is noted', async () => {
    const message = respmod(text(), { allow: ['206'] });
    const { outcome } = await answered(message, answer('0; use-original-body=0\r\n\r\n', 206));
    expect(ids(outcome.notes)).toEqual(['C-61']);
  });

  test('C-65 an offset equal to the length appends nothing, one past it makes the answer useless', async () => {
    const message = respmod(text(), { allow: ['204', '206'] });
    const exact = await answered(message, answer('1\r\nx\r\n0; use-original-body=20\r\n\r\n', 206));
    expect([exact.result, exact.outcome.fault]).toEqual(['x', null]);
    const past = await answered(message, answer('1\r\nx\r\n0; use-original-body=21\r\n\r\n', 206));
    expect(past.outcome.fault).toContain('C-65');
    expect(past.outcome.assembled).toBe('none');
  });

  test('K-32 an empty 200 means not modified', async () => {
    const empty = 'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, null-body=0\r\n\r\n';
    const { outcome, result } = await answered(respmod(text()), empty);
    expect(result).toBe(BODY);
    expect(outcome.fault).toBeNull();
    expect(ids(outcome.notes)).toContain('K-32');
  });

  test.each([
    [
      'K-31 a 200 without HTTP header',
      'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: null-body=0\r\n\r\n',
      'K-31',
    ],
    ['K-31 a request in answer to RESPMOD', answer('0\r\n\r\n').replaceAll('res-', 'req-'), 'K-31'],
    ['K-30 a status that is no answer', 'ICAP/1.0 202 Accepted\r\nISTag: "t"\r\n\r\n', 'K-30'],
    ['S-500 an error', 'ICAP/1.0 500 Server error\r\nISTag: "t"\r\n\r\n', '500 Server error'],
  ])('%s is a fault', async (_title, bytes, fault) => {
    const { outcome, result } = await answered(respmod(text()), bytes);
    expect(outcome.fault).toContain(fault);
    expect([outcome.assembled, result]).toEqual(['none', '']);
  });

  test('C-37 a Content-Length that the body does not have is noted', async () => {
    const header = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n';
    const { outcome } = await answered(respmod(text()), answer('5\r\nhello\r\n0\r\n\r\n', 200, header));
    expect(ids(outcome.notes)).toEqual(['C-37']);
  });

  test('C-85 bytes behind the answer are noted', async () => {
    const { outcome } = await answered(respmod(text()), `${NO_CONTENT}0\r\n\r\n`);
    expect(ids(outcome.notes)).toEqual(['C-85']);
  });
});

describe('a body that is still on its way', () => {
  const large = bufferBody(Buffer.alloc(16 * 1024 * 1024, 'x')); // more than sockets buffer

  test('K-40 an answer that comes before the end is taken, and the rest not sent', async () => {
    const { outcome, result } = await play(respmod(large), async (peer) => {
      await peer.until((received) => received.length > 100_000);
      peer.socket.pause();
      peer.send(answer('7\r\nblocked\r\n0\r\n\r\n'));
    });
    expect(outcome).toMatchObject({ early: true, fault: null });
    expect(outcome.bodySent).toBeLessThan(large.size);
    expect(result).toBe('blocked');
  });

  test('K-40 an answer that grows while the body is sent does not hold it up', async () => {
    const sent = bufferBody(Buffer.alloc(4 * 1024 * 1024, 'x'));
    const { outcome } = await play(respmod(sent), (peer) => {
      peer.send(answer(''));
      const ended = new Promise<void>((resolve) => {
        let seen = 0;
        peer.socket.on('data', (chunk: Buffer) => {
          seen += chunk.length;
          peer.send(`${chunk.length.toString(16)}\r\n`, chunk, '\r\n');
          if (seen > sent.size && chunk.toString('latin1').endsWith('\r\n0\r\n\r\n')) {
            peer.send('0\r\n\r\n');
            resolve();
          }
        });
      });
      return ended;
    });
    expect(outcome.bodySent).toBe(sent.size);
    expect(outcome.resultBytes).toBeGreaterThan(sent.size);
  });

  test('C-39 a file that becomes shorter breaks the exchange off without a last chunk', async () => {
    await using folder = await tempDir();
    const path = await folder.write('shrinking', Buffer.alloc(300_000, 'x'));
    const body = await fileBody(path, 1);
    const received: string[] = [];
    const exchange = play(respmod(body, { preview: 0 }), async (peer) => {
      await peer.take(/0\r\n\r\n$/);
      await writeFile(path, 'short');
      peer.send(CONTINUE);
      received.push((await peer.closed()).toString());
    });
    await expect(exchange).rejects.toMatchObject({
      code: 'ERR_PROBE_INPUT',
      message: expect.stringContaining('became shorter'),
    });
    await body.close();
    expect(received.join('')).not.toContain('0\r\n\r\n');
  });
});
