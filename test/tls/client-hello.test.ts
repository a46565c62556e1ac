import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { ClientHelloReader, MAX_CLIENT_HELLO } from '../../src/tls/client-hello.ts';
import type { ClientHello, ClientHelloResult } from '../../src/tls/client-hello.ts';

const HELLO_TYPES = ['need-more', 'hello', 'not-tls', 'invalid'];

/** Whether the records have as much as the handshake message in them says. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length < 9) return false;
  let left = 4 + bytes.readUIntBE(6, 3);
  for (let at = 0; left > 0; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (at + 5 > bytes.length || at + 5 + bytes.readUInt16BE(at + 3) > bytes.length) return false;
    left -= bytes.readUInt16BE(at + 3);
  }
  return true;
}

/** Bytes that a real client sends first, as many as make one ClientHello, in one record or several. */
async function captured(dial: (port: number) => { stop(): void }): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = dial((server.address() as AddressInfo).port);
  try {
    const [socket] = (await once(server, 'connection')) as [Socket];
    let bytes = Buffer.alloc(0);
    while (!isWhole(bytes)) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      bytes = Buffer.concat([bytes, chunk]);
    }
    socket.destroy();
    return bytes;
  } finally {
    client.stop();
    server.close();
  }
}

function nodeClient(options: ConnectionOptions): Promise<Buffer> {
  return captured((port) => {
    const socket = connectTls({ host: '127.0.0.1', port, ...options });
    socket.on('error', () => undefined); // the server hangs up
    return { stop: () => socket.destroy() };
  });
}

function opensslClient(...args: string[]): Promise<Buffer> {
  return captured((port) => {
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], {
      stdio: 'ignore',
    });
    return { stop: () => child.kill() };
  });
}

const longAlpn = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `x-protocol-${i}-${'y'.repeat(40)}`);

/** The handshake message of one record, cut anew into records of at most `size` payload bytes. */
function refragmented(record: Buffer, size: number): Buffer {
  const message = record.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const payload = message.subarray(at, at + size);
    records.push(Buffer.of(22, 3, 1, payload.length >> 8, payload.length & 0xff), payload);
  }
  return Buffer.concat(records);
}

/** A full record, and the head of another that would go past the limit. */
function twoRecords(): Buffer {
  const first = Buffer.concat([Buffer.of(22, 3, 1, 0x40, 0, 1, 0, 0x7f, 0), Buffer.alloc(16_384 - 4)]);
  return Buffer.concat([first, Buffer.of(22, 3, 1, 0x40, 0)]);
}

function vector(lengthSize: 1 | 2, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthSize);
  length.writeUIntBE(body.length, 0, lengthSize);
  return Buffer.concat([length, body]);
}

const extension = (type: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.of(type >> 8, type & 0xff), vector(2, value)]);

/** A ClientHello record with the given extensions block (null: none at all). */
function crafted(extensions: Buffer[] | null): Buffer {
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    vector(1),
    vector(2, Buffer.of(0x13, 0x01, 0xc0, 0x2b)),
    vector(1, Buffer.of(0)),
    ...(extensions === null ? [] : [vector(2, ...extensions)]),
  ]);
  const message = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 0xff), body]);
  return Buffer.concat([Buffer.of(22, 3, 1), vector(2, message)]);
}

const serverName = (name: string | Buffer): Buffer =>
  extension(0, vector(2, Buffer.of(0), vector(2, Buffer.from(name as string, 'latin1'))));

function read(bytes: Buffer): ClientHelloResult {
  return new ClientHelloReader().push(bytes);
}

function helloOf(bytes: Buffer): ClientHello {
  const result = read(bytes);
  if (result.state !== 'hello') throw new Error(`expected a hello, got ${JSON.stringify(result)}`);
  return result.hello;
}

let hellos: Record<'node' | 'noSni' | 'tls12' | 'openssl' | 'big' | 'fragmented' | 'huge', Buffer>;

beforeAll(async () => {
  const node = await nodeClient({ servername: 'Www.Example.COM', ALPNProtocols: ['h2', 'http/1.1'] });
  hellos = {
    node,
    noSni: await nodeClient({ maxVersion: 'TLSv1.2' }),
    tls12: await nodeClient({ servername: 'old.example', maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }),
    openssl: await opensslClient('-servername', 'a_b.xn--bcher-kva.example', '-alpn', 'http/1.1'),
    // As large as with a post-quantum key share: key shares are not looked at, a long ALPN list is.
    big: await nodeClient({
      servername: 'big.example',
      ALPNProtocols: longAlpn(40),
    }),
    fragmented: refragmented(node, 100),
    huge: await nodeClient({ servername: 'huge.example', ALPNProtocols: longAlpn(350) }),
  };
});

describe('a ClientHello of a real client', () => {
  test('is read from node:tls', () => {
    const hello = helloOf(hellos.node);
    expect(hello.serverName).toBe('www.example.com');
    expect(hello.alpn).toEqual(['h2', 'http/1.1']);
    expect(hello.versions).toEqual([0x0304, 0x0303]);
    expect(hello.cipherSuites).toContain(0x1301);
    expect(hello.extensions).toEqual(expect.arrayContaining([0, 10, 13, 16, 43, 51]));
    expect(hello.ech).toBe(false);
  });

  test('is read from openssl s_client', () => {
    expect(helloOf(hellos.openssl)).toMatchObject({
      serverName: 'a_b.xn--bcher-kva.example',
      alpn: ['http/1.1'],
    });
  });

  test('without SNI has no server name', () => {
    expect(helloOf(hellos.noSni).serverName).toBeNull();
  });

  test('for TLS 1.2 reports the legacy version', () => {
    expect(helloOf(hellos.tls12).versions).toEqual([0x0303]);
  });

  test('of 2 KB and more is read whole', () => {
    expect(hellos.big.length).toBeGreaterThan(2_000);
    expect(helloOf(hellos.big).alpn).toHaveLength(40);
  });

  test('of over 16 KiB, which takes several records, is read whole', () => {
    expect(hellos.huge.length).toBeGreaterThan(16_384 + 5);
    expect(hellos.huge.readUInt16BE(3)).toBeLessThanOrEqual(16_384);
    expect(helloOf(hellos.huge)).toMatchObject({ serverName: 'huge.example', versions: [0x0304, 0x0303] });
    expect(helloOf(hellos.huge).alpn).toHaveLength(350);
  });

  test('reads the same from several TLS records as from one', () => {
    expect(helloOf(hellos.fragmented)).toEqual(helloOf(hellos.node));
    expect(helloOf(refragmented(hellos.big, 1_000))).toEqual(helloOf(hellos.big));
  });

  test('reads the same however it is cut, and asks for more until its last byte', () => {
    for (const bytes of Object.values(hellos)) {
      const whole = read(bytes);
      fc.assert(
        fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 }), (cuts) => {
          const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
          const reader = new ClientHelloReader();
          let result: ClientHelloResult = { state: 'need-more' };
          for (let i = 1; i < at.length; i++) {
            const end = at[i] ?? 0;
            result = reader.push(bytes.subarray(at[i - 1], end));
            if (end < bytes.length) expect(result.state).toBe('need-more');
          }
          expect(result).toEqual(whole);
        }),
        { numRuns: 40 },
      );
    }
  });

  test('reads the same one byte at a time', () => {
    for (const bytes of Object.values(hellos)) {
      const reader = new ClientHelloReader();
      const states = Array.from(bytes, (byte) => reader.push(Buffer.of(byte)));
      expect(states.slice(0, -1).every(({ state }) => state === 'need-more')).toBe(true);
      expect(states.at(-1)).toEqual(read(bytes));
    }
  });

  test('with any bytes changed, cut out or put in gives one of the four states', () => {
    const edit = fc.record({
      at: fc.nat({ max: 3_000 }),
      remove: fc.nat({ max: 4 }),
      insert: fc.uint8Array({ maxLength: 4 }),
      split: fc.nat({ max: 3_000 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(hellos)),
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        (bytes, edits) => {
          let mutated = bytes;
          for (const { at, remove, insert } of edits) {
            const start = at % mutated.length;
            mutated = Buffer.concat([mutated.subarray(0, start), insert, mutated.subarray(start + remove)]);
            if (mutated.length === 0) mutated = Buffer.of(0);
          }
          const whole = read(mutated);
          expect(HELLO_TYPES).toContain(whole.state);
          const reader = new ClientHelloReader();
          const cut = (edits[0]?.split ?? 0) % (mutated.length + 1);
          reader.push(mutated.subarray(0, cut));
          const parts = reader.push(mutated.subarray(cut));
          expect(parts.state).toBe(whole.state);
          if (whole.state === 'hello' || whole.state === 'invalid') expect(parts).toEqual(whole);
        },
      ),
      { numRuns: 1_500 },
    );
  });
});

describe('the server name', () => {
  test.each<[name: string, expected: string | null]>([
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['under_score.example', 'under_score.example'],
    ['192.0.2.1', null],
    ['2001:db8::1', null],
    ['::1', null],
  ])('%s is read as %p', (name, expected) => {
    expect(helloOf(crafted([serverName(name)])).serverName).toBe(expected);
  });

  test.each([
    [''],
    ['exa mple.com'],
    ['example.com\0.evil.example'],
    ['../../etc/passwd'],
    ['a..b'],
    ['-a.example'],
    ['127.1'],
    ['b\u00fccher.example'],
    ['a'.repeat(254)],
  ])('%j is refused', (name) => {
    expect(read(crafted([serverName(name)]))).toEqual({ state: 'invalid', reason: 'malformed server name' });
  });

  test('is refused when there are two, or of another type', () => {
    const host = Buffer.concat([Buffer.of(0), vector(2, Buffer.from('a.example'))]);
    expect(read(crafted([extension(0, vector(2, host, host))])).state).toBe('invalid');
    expect(read(crafted([extension(0, vector(2, Buffer.of(9), vector(2, Buffer.from('a'))))])).state).toBe(
      'invalid',
    );
    expect(read(crafted([extension(0, Buffer.alloc(0))])).state).toBe('invalid');
  });
});

describe('the reader', () => {
  test('takes a hello without extensions', () => {
    expect(helloOf(crafted(null))).toEqual({
      serverName: null,
      alpn: [],
      versions: [0x0303],
      cipherSuites: [0x1301, 0xc02b],
      signatureAlgorithms: null,
      extensions: [],
      ech: false,
    });
  });

  test('takes the outer name where the inner one is encrypted, and none of its own from ECH', () => {
    const ech = extension(0xfe0d, Buffer.concat([Buffer.of(0), Buffer.from('inner.example')]));
    expect(helloOf(crafted([ech, serverName('outer.example')]))).toMatchObject({
      serverName: 'outer.example',
      ech: true,
    });
    expect(helloOf(crafted([ech]))).toMatchObject({ serverName: null, ech: true });
  });

  test('reports encrypted_client_hello, and keeps GREASE values', () => {
    const hello = helloOf(
      crafted([extension(0x0a0a, Buffer.alloc(0)), extension(0xfe0d, Buffer.of(0, 1, 2))]),
    );
    expect(hello.ech).toBe(true);
    expect(hello.extensions).toEqual([0x0a0a, 0xfe0d]);
  });

  test.each<[title: string, extensions: Buffer[]]>([
    ['an extension that is there twice', [extension(10, Buffer.of(0)), extension(10, Buffer.of(0))]],
    ['an empty ALPN name', [extension(16, vector(2, vector(1)))]],
    ['an empty ALPN list', [extension(16, vector(2))]],
    [
      'ALPN with bytes behind the list',
      [extension(16, Buffer.concat([vector(2, vector(1, Buffer.from('h2'))), Buffer.of(0)]))],
    ],
    ['an odd list of versions', [extension(43, vector(1, Buffer.of(3, 4, 3)))]],
    ['an extension longer than the block', [Buffer.of(0, 10, 0, 200, 1)]],
  ])('refuses %s', (_, extensions) => {
    expect(read(crafted(extensions)).state).toBe('invalid');
  });

  test.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['the HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['an SSL 2 hello', Buffer.of(0x80, 0x2e, 1, 3, 1)],
    ['a TLS alert', Buffer.of(21, 3, 3, 0, 2, 1, 0)],
  ])('calls %s not TLS and shows how it begins', (_, bytes) => {
    expect(read(bytes)).toEqual({ state: 'not-tls', firstBytes: bytes.subarray(0, 24) });
  });

  test('shows both bytes when the second one tells that it is not TLS', () => {
    const reader = new ClientHelloReader();
    expect(reader.push(Buffer.of(0x16))).toEqual({ state: 'need-more' });
    expect(reader.push(Buffer.from('hello'))).toEqual({
      state: 'not-tls',
      firstBytes: Buffer.from('\x16hello'),
    });
  });

  test.each([
    ['an empty record', Buffer.of(22, 3, 1, 0, 0)],
    ['a ServerHello', Buffer.of(22, 3, 3, 0, 4, 2, 0, 0, 0)],
    ['a record of over 16 KiB', Buffer.of(22, 3, 1, 0x40, 1)],
    ['records that together have over 32 KiB', twoRecords()],
    ['a message of over 32 KiB', Buffer.of(22, 3, 1, 0, 4, 1, 0, 0x80, 0)],
    ['a message of 16 MiB', Buffer.of(22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff)],
  ])('refuses %s as soon as that shows', (_, bytes) => {
    expect(read(bytes).state).toBe('invalid');
  });

  test('refuses an alert between two parts of a hello', () => {
    const parts = refragmented(hellos.node, 100);
    const broken = Buffer.concat([
      parts.subarray(0, 105),
      Buffer.of(21, 3, 1, 0, 2, 1, 0),
      parts.subarray(105),
    ]);
    expect(read(broken)).toEqual({ state: 'invalid', reason: 'another TLS record inside the ClientHello' });
  });

  test('counts record headers, so tiny records cannot exceed 32 KiB', () => {
    const start = Buffer.of(22, 3, 1, 0, 4, 1, 0, 0x30, 0); // a message of 12 KiB
    const reader = new ClientHelloReader();
    let result = reader.push(start);
    let sent = start.length;
    while (result.state === 'need-more' && sent < 2 * MAX_CLIENT_HELLO) {
      result = reader.push(Buffer.of(22, 3, 1, 0, 1, 0));
      sent += 6;
    }
    expect(result.state).toBe('invalid');
    expect(sent).toBeLessThanOrEqual(MAX_CLIENT_HELLO + 6);
  });

  test('does not look at bytes behind the hello, and stays with its result', () => {
    const reader = new ClientHelloReader();
    const result = reader.push(Buffer.concat([hellos.node, Buffer.from('early data')]));
    expect(result.state).toBe('hello');
    expect(reader.push(Buffer.from('more'))).toBe(result);
  });

  test('keeps nothing of a chunk that its owner overwrites', () => {
    const reader = new ClientHelloReader();
    const first = Buffer.from(hellos.node.subarray(0, 50));
    reader.push(first);
    first.fill(0xff);
    expect(reader.push(hellos.node.subarray(50))).toEqual(read(hellos.node));
  });

  test('peeks at a live connection that can then be used for the handshake', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connectTcp(port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    const reader = new ClientHelloReader();
    client.write(hellos.big);
    const chunks: Buffer[] = [];
    let result: ClientHelloResult = { state: 'need-more' };
    while (result.state === 'need-more') {
      await once(socket, 'readable');
      for (
        let chunk = socket.read() as Buffer | null;
        chunk !== null;
        chunk = socket.read() as Buffer | null
      ) {
        chunks.push(chunk);
        result = reader.push(chunk);
      }
    }
    expect(result.state).toBe('hello');
    socket.unshift(Buffer.concat(chunks));
    expect((socket.read() as Buffer).equals(hellos.big)).toBe(true);
    client.destroy();
    socket.destroy();
    server.close();
  });
});
