import { describe, expect, test } from '@jest/globals';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { SocketBatch } from '../../src/util/socket-batch.ts';

/** Two ends of one connection. */
async function socketPair(): Promise<{ near: Socket; far: Socket; close: () => void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await accepted) as [Socket];
  return {
    near,
    far,
    close: () => {
      near.destroy();
      far.destroy();
      server.close();
    },
  };
}

describe('SocketBatch', () => {
  test('sends what was gathered at the end of the turn', async () => {
    const { near, far, close } = await socketPair();
    const batch = new SocketBatch(near);
    batch.writeText('head');
    batch.write(Buffer.from('body'));
    expect(near.writableCorked).toBe(1);
    const [received] = (await once(far, 'data')) as [Buffer];
    expect(received.toString()).toBe('headbody');
    expect(near.writableCorked).toBe(0);
    close();
  });

  test('an empty piece leaves the socket corked once', async () => {
    const { near, far, close } = await socketPair();
    const batch = new SocketBatch(near);
    batch.write(Buffer.alloc(0));
    batch.write(Buffer.from('after'));
    expect(near.writableCorked).toBe(1);
    batch.flush();
    expect(near.writableCorked).toBe(0);
    const [received] = (await once(far, 'data')) as [Buffer];
    expect(received.toString()).toBe('after');
    close();
  });

  test('has no room while more waits than a socket should hold', async () => {
    const { near, far, close } = await socketPair();
    const batch = new SocketBatch(near);
    far.pause();
    while (batch.room) batch.write(Buffer.alloc(64 * 1024));
    const drained = once(near, 'drain');
    far.resume();
    await drained;
    expect(batch.room).toBe(true);
    close();
  });
});
