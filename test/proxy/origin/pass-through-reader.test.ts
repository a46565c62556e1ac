// A tunnel whose bytes are passed on, on real sockets: every byte arrives, in order, whoever is slow, though
// the buffers that they are read into are written again and again.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { PassThroughReader } from '../../../src/proxy/origin/pass-through-reader.ts';
import { joinSockets } from '../../../src/proxy/socket-pair.ts';

const MIB = 1024 * 1024;
const NOTHING = Buffer.alloc(0);
const open: (Server | Socket)[] = [];

afterEach(() => {
  for (const one of open.splice(0)) {
    if (one instanceof net.Socket) one.destroy();
    else one.close();
  }
});

const kept = <T extends Server | Socket>(one: T): T => {
  open.push(one);
  return one;
};

async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const server = kept(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      kept(socket).on('error', () => {});
      onSocket(socket);
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client at one end of a tunnel to an origin, joined once that origin's connection stands. */
async function tunnelTo(
  originPort: number,
  joined = (_origin: Socket): Promise<unknown> => Promise.resolve(),
) {
  const port = await serve((inbound) => {
    const reader = new PassThroughReader();
    const origin = kept(
      net.connect({ port: originPort, host: '127.0.0.1', allowHalfOpen: true, onread: reader.onread }),
    );
    origin.on('error', () => {});
    origin.once('connect', () => {
      void joined(origin).then(() => joinSockets(inbound, NOTHING, origin, NOTHING, reader));
    });
  });
  const client = kept(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  client.on('error', () => {});
  return client;
}

/** Hash of all that comes; after every so many bytes nothing is read for some turns of the event loop. */
function hashOf(socket: Socket, restEvery = Infinity): Promise<string> {
  const hash = createHash('sha256');
  let left = restEvery;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    if ((left -= chunk.length) > 0) return;
    left = restEvery;
    socket.pause();
    let turns = 20;
    const rest = (): unknown => (turns-- > 0 ? setImmediate(rest) : socket.resume());
    rest();
  });
  return once(socket, 'end').then(() => hash.digest('hex'));
}

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

test.each([
  ['reads at once', Infinity],
  ['stops reading again and again', 300_000],
])('eight mebibytes arrive whole at a client that %s', async (_how, restEvery) => {
  const data = randomBytes(8 * MIB);
  const client = await tunnelTo(await serve((socket) => socket.end(data)));
  expect(await hashOf(client, restEvery)).toBe(sha256(data));
});

test('tunnels that stand still side by side do not get each other’s bytes', async () => {
  const bodies = Array.from({ length: 12 }, () => randomBytes(2 * MIB));
  const seen = await Promise.all(
    bodies.map(async (data, i) =>
      hashOf(await tunnelTo(await serve((socket) => socket.end(data))), 70_000 + 40_000 * i),
    ),
  );
  expect(seen).toEqual(bodies.map(sha256));
});

test('pieces of every size around those of the buffers arrive in order', async () => {
  const sizes = [1, 8191, 8192, 8193, 1, 131_071, 131_072, 131_073, 100, 16_384, 16_383, 3];
  const pieces = [...sizes, ...sizes].map((size) => randomBytes(size));
  const origin = await serve((socket) => {
    // One piece at a time: the next when the client has said that it has it.
    let next = 0;
    const send = (): unknown => (next < pieces.length ? socket.write(pieces[next++]!) : socket.end());
    socket.on('data', send);
    send();
  });
  const client = await tunnelTo(origin);
  let at = 0;
  let missing = sizes[0]!;
  client.on('data', (chunk: Buffer) => {
    missing -= chunk.length;
    if (missing > 0) return;
    missing = pieces[++at]?.length ?? Infinity;
    client.write('.');
  });
  expect(await hashOf(client)).toBe(sha256(Buffer.concat(pieces)));
});

test('what an origin says before anybody is joined to it comes first', async () => {
  const greeting = 'first, ';
  const origin = await serve((socket) => {
    socket.write(greeting);
    socket.once('data', () => socket.end('then'));
  });
  const arrived = (socket: Socket): Promise<unknown> =>
    new Promise((resolve) => {
      const look = (): unknown => (socket.bytesRead > 0 ? resolve(null) : setImmediate(look));
      look();
    });
  const client = await tunnelTo(origin, arrived);
  client.write('go on');
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(client, 'end');
  expect(Buffer.concat(chunks).toString()).toBe('first, then');
});

test('sixteen mebibytes to an origin that stops reading arrive whole, and the half-close with them', async () => {
  const data = randomBytes(16 * MIB);
  let resolve!: (hash: string) => void;
  const arrived = new Promise<string>((settle) => (resolve = settle));
  const origin = await serve((socket) => {
    void hashOf(socket, 500_000).then((hash) => {
      resolve(hash);
      socket.end('thanks');
    });
  });
  const client = await tunnelTo(origin);
  client.end(data);
  const answer = once(client, 'data');
  expect(await arrived).toBe(sha256(data));
  expect(String((await answer)[0])).toBe('thanks');
});

test('what a receiver has accepted but not yet taken is never written anew', async () => {
  const taken: string[] = [];
  const receiver = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        taken.push(chunk.toString());
        done();
      });
    },
  });
  const reader = new PassThroughReader();
  reader.pourInto(receiver);
  const pieces = Array.from({ length: 100 }, (_, i) => String(i).repeat(50));
  let buffer = reader.onread.buffer(); // as node does it: where the next read goes is asked after each one
  for (const piece of pieces) {
    const written = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length).write(piece);
    if (!reader.onread.callback(written)) await once(receiver, 'drain');
    buffer = reader.onread.buffer();
  }
  receiver.end();
  await once(receiver, 'finish');
  expect(taken.join('')).toBe(pieces.join(''));
});
