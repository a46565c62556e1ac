import { describe, expect, test } from '@jest/globals';
import { rawServer, readingOf } from './raw-server.ts';

const HTTP = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
const answer = (encapsulated: string, rest: string, more = ''): string =>
  `ICAP/1.0 200 OK\r\nISTag: "t"\r\n${more}Encapsulated: ${encapsulated}\r\n\r\n${rest}`;
const HELLO = '5\r\nhello\r\n0\r\n\r\n';
const sound = answer(`res-hdr=0, res-body=${HTTP.length}`, HTTP + HELLO);
const ids = (notes: readonly string[]): string[] => notes.map((note) => note.split(' ', 1)[0]!);

test('a sound answer is taken apart without a note', async () => {
  const response = await readingOf(sound);
  expect(response).toMatchObject({ status: 200, reason: 'OK', version: '1.0', notes: [], bodyBytes: 5 });
  expect(response.headers).toEqual(['ISTag', '"t"', 'Encapsulated', `res-hdr=0, res-body=${HTTP.length}`]);
  expect(response.httpHeader).toEqual({ kind: 'res-hdr', bytes: Buffer.from(HTTP) });
  expect(response.body?.toString()).toBe('hello');
  expect(response.rawHead.toString()).toBe(sound.slice(0, sound.indexOf(HTTP)));
});

test('an answer that comes byte by byte reads the same', async () => {
  await using server = await rawServer(async (peer) => {
    peer.socket.setNoDelay(true);
    for (const byte of sound) {
      await new Promise((resolve) => peer.socket.write(byte, 'latin1', resolve));
      await new Promise(setImmediate);
    }
  });
  const client = await server.connect();
  const response = await client.readResponse({ method: 'RESPMOD' });
  expect(response).toMatchObject({ status: 200, notes: [] });
  expect(response.body?.toString()).toBe('hello');
});

test('a sink takes the body piece by piece, however large', async () => {
  const piece = Buffer.alloc(60_000, 'x');
  const count = 40; // 2.4 MB: more than is ever kept
  await using server = await rawServer((peer) => {
    peer.send(answer(`res-hdr=0, res-body=${HTTP.length}`, HTTP));
    for (let i = 0; i < count; i++) peer.send(`${piece.length.toString(16)}\r\n`, piece, '\r\n');
    peer.send('0\r\n\r\n');
  });
  const client = await server.connect({ maxBytes: 1000 });
  let bytes = 0;
  const response = await client.readResponse({
    method: 'RESPMOD',
    sink: async (taken) => {
      bytes += taken.length;
      await new Promise(setImmediate);
    },
  });
  expect([bytes, response.bodyBytes, response.body]).toEqual([
    piece.length * count,
    piece.length * count,
    null,
  ]);
});

describe('what is odd is noted and read all the same:', () => {
  test.each([
    ['C-08 another version', sound.replace('ICAP/1.0', 'ICAP/1.1')],
    ['C-09 two blanks in the status line', sound.replace('ICAP/1.0 200', 'ICAP/1.0  200')],
    ['C-10 a blank before a colon', sound.replace('ISTag:', 'ISTag :')],
    ['C-10 a line that is no field', sound.replace('ISTag', 'what\r\nISTag')],
    [
      'C-13 Transfer-Encoding',
      answer(`res-hdr=0, res-body=${HTTP.length}`, HTTP + HELLO, 'Transfer-Encoding: x\r\n'),
    ],
    ['C-14 a second Encapsulated', sound.replace('\r\n\r\n', '\r\nEncapsulated: null-body=0\r\n\r\n')],
    ['C-15 an empty line in front', `\r\n${sound}`],
    ['C-15 chunk lines that end in LF', sound.replace('5\r\nhello', '5\nhello')],
    ['C-23 capitals in Encapsulated', sound.replace('res-hdr=0', 'Res-Hdr=0')],
    ['C-24 a header that nobody announces', answer(`res-body=${HTTP.length}`, HTTP + HELLO)],
    ['C-26 an offset that is too large', answer(`res-hdr=0, res-body=${HTTP.length + 1}`, HTTP + HELLO)],
    ['C-26 an offset that is too small', answer(`res-hdr=0, res-body=${HTTP.length - 9}`, HTTP + HELLO)],
    [
      'C-26 a header without its blank line',
      answer(`res-hdr=0, res-body=${HTTP.length - 2}`, HTTP.slice(0, -2) + HELLO),
    ],
    ['C-31 an extension on a chunk with data', sound.replace('5\r\nhello', '5; x=y\r\nhello')],
    ['C-43 ieof in an answer', sound.replace('0\r\n\r\n', '0; ieof\r\n\r\n')],
    ['C-30 no blank line behind the last chunk', sound.slice(0, -2)],
    ['C-111 no ISTag', sound.replace('ISTag: "t"\r\n', '')],
    ['C-112 an ISTag without quotes', sound.replace('"t"', 't')],
    ['C-110 a long ISTag', sound.replace('"t"', `"${'t'.repeat(33)}"`)],
  ])('%s', async (title, bytes) => {
    const response = await readingOf(bytes);
    expect(ids(response.notes)).toContain(title.split(' ', 1)[0]);
    expect(response.status).toBe(200);
    expect(response.body?.toString()).toBe('hello');
  });

  test('C-20 Encapsulated on a 204 is noted, and nothing of it waited for', async () => {
    const response = await readingOf(
      'ICAP/1.0 204 No\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\n',
    );
    expect(response).toMatchObject({ status: 204, body: null, httpHeader: null });
    expect(ids(response.notes)).toEqual(['C-20']);
  });

  test('C-20 a 200 without Encapsulated has no parts', async () => {
    expect(ids((await readingOf('ICAP/1.0 200 OK\r\nISTag: "t"\r\n\r\n')).notes)).toEqual(['C-20']);
  });

  test('C-09 a head whose blank line never comes counts when the connection ends', async () => {
    const response = await readingOf('ICAP/1.0 400 Bad request\r\nISTag: "t"\r\n');
    expect(response).toMatchObject({ status: 400, reason: 'Bad request' });
    expect(ids(response.notes)).toEqual(['C-09']);
  });

  test('C-21.16 an error that announces a body without sending it is an error all the same', async () => {
    const response = await readingOf(
      'ICAP/1.0 500 Oops\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=40\r\n\r\n',
    );
    expect(response.status).toBe(500);
    expect(ids(response.notes)).toEqual(['C-21.16']);
  });

  test('C-11 folded lines are joined', async () => {
    const bytes = sound.replace('ISTag', 'X-Long: a\r\n b\r\nX-Violations-Found: 1\r\n file\r\nISTag');
    const { headers } = await readingOf(bytes);
    expect(headers.slice(0, 4)).toEqual(['X-Long', 'a b', 'X-Violations-Found', '1\nfile']);
  });
});

test('C-64 the extension of the last chunk and C-33 HTTP trailers are kept', async () => {
  const body = '0; use-original-body=7\r\nX-Sum: 1\r\n\r\n';
  const response = await readingOf(
    answer(`res-hdr=0, res-body=${HTTP.length}`, HTTP + body).replace('200', '206'),
  );
  expect(response.lastChunkExtension).toBe('use-original-body=7');
  expect(response.trailers).toEqual(['X-Sum', '1']);
});

test('C-100 an agreed ICAP trailer is read behind the body', async () => {
  const agreed = 'Allow: 204, trailers\r\nTrailer: X-Response-Info\r\n';
  const rest = `${HTTP + HELLO}X-Response-Info: Modified\r\n\r\n`;
  const response = await readingOf(answer(`res-hdr=0, res-body=${HTTP.length}`, rest, agreed));
  expect(response.icapTrailers).toEqual(['X-Response-Info', 'Modified']);
  expect(response.notes).toEqual([]);
});

test('C-101 Trailer without its Allow is noted and no trailer waited for', async () => {
  const { notes, icapTrailers } = await readingOf(
    answer(`res-hdr=0, res-body=${HTTP.length}`, HTTP + HELLO, 'Trailer: X-A\r\n'),
  );
  expect([ids(notes), icapTrailers]).toEqual([['C-101'], []]);
});

describe('what cannot be read is an error that says so:', () => {
  test.each([
    ['a server that closes at once', '', 'ERR_PROBE_CLOSED', /without an answer/],
    ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'ERR_PROBE_NOT_ICAP', /HTTP server/],
    ['another protocol', 'SSH-2.0-x\r\n', 'ERR_PROBE_NOT_ICAP', /SSH-2\.0-x/],
    ['a TLS alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46]), 'ERR_PROBE_NOT_ICAP', /icaps:/],
    ['a status line without status', 'ICAP/1.0 OK\r\n\r\n', 'ERR_PROBE_PROTOCOL', /C-09/],
    [
      'a body that is not chunked',
      answer(`res-hdr=0, res-body=${HTTP.length}`, `${HTTP}hello`),
      'ERR_PROBE_CLOSED',
      /0 bytes/,
    ],
    [
      'lines in place of chunks',
      answer(`res-hdr=0, res-body=${HTTP.length}`, `${HTTP}hello\r\n`),
      'ERR_PROBE_PROTOCOL',
      /C-31/,
    ],
    [
      'data longer than its chunk',
      sound.replace('hello', 'hello!'),
      'ERR_PROBE_PROTOCOL',
      /not followed by CR LF/,
    ],
    ['a body that breaks off', sound.slice(0, -9), 'ERR_PROBE_CLOSED', /bytes of the body \(S-08\)/],
    ['a header that breaks off', sound.slice(0, sound.indexOf('Content')), 'ERR_PROBE_CLOSED', /res-hdr/],
    ['a field without end', `ICAP/1.0 200 OK\r\nX: ${'x'.repeat(70_000)}`, 'ERR_PROBE_TOO_LARGE', /65536/],
    [
      'a header without end',
      `ICAP/1.0 200 OK\r\n${'X: y\r\n'.repeat(60_000)}`,
      'ERR_PROBE_TOO_LARGE',
      /C-16/,
    ],
    ['an endless trailer', sound.slice(0, -2) + 'X: y\r\n'.repeat(20_000), 'ERR_PROBE_TOO_LARGE', /trailer/],
  ])('%s', async (_title, bytes, code, message) => {
    await expect(readingOf(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('a body beyond what is kept', async () => {
    await expect(readingOf(sound, {}, { maxBytes: 4 })).rejects.toMatchObject({
      code: 'ERR_PROBE_TOO_LARGE',
    });
  });

  test('a server that falls silent in the middle', async () => {
    await using server = await rawServer((peer) => peer.send(sound.slice(0, -7)));
    const client = await server.connect({ readTimeoutMs: 50 });
    await expect(client.readResponse({ method: 'RESPMOD' })).rejects.toMatchObject({
      code: 'ERR_PROBE_TIMEOUT',
      message: expect.stringContaining('before the body was complete'),
    });
  });
});
