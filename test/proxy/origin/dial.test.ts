// One connection to any of several addresses (RFC 8305): the next after a failure, or after a quarter of a
// second of silence; and in which order addresses are tried.

import { describe, expect, test } from '@jest/globals';
import type { Socket } from 'node:net';
import net from 'node:net';
import { AddressOrder } from '../../../src/proxy/origin/address-order.ts';
import { dial } from '../../../src/proxy/origin/dial.ts';
import { rawOrigin } from '../../support/originServer.ts';

interface Outcome {
  readonly reached: string | null;
  readonly error: string | null;
  readonly failed: readonly string[];
  readonly sockets: readonly Socket[];
}

/** Dials; an address that begins with `silent` is a socket that never connects. */
function dialed(port: number, addresses: readonly string[]): Promise<Outcome> {
  const failed: string[] = [];
  const sockets: Socket[] = [];
  const open = (address: string): Socket => {
    const socket = address.startsWith('silent') ? new net.Socket() : net.connect({ host: address, port });
    sockets.push(socket);
    return socket;
  };
  return new Promise((resolve) => {
    dial(addresses, open, {
      onConnected: (socket, reached) => {
        socket.on('error', () => {});
        resolve({ reached, error: null, failed, sockets });
        setImmediate(() => socket.destroy());
      },
      onFailed: (error) => resolve({ reached: null, error: error.code ?? '', failed, sockets }),
      onAddressFailed: (address) => failed.push(address),
    });
  });
}

describe('dial', () => {
  test('connects to the first address and begins no other connection', async () => {
    await using origin = await rawOrigin(() => {});
    const outcome = await dialed(origin.port, ['127.0.0.1', '127.0.0.1']);
    expect(outcome).toMatchObject({ reached: '127.0.0.1', failed: [] });
    expect(outcome.sockets).toHaveLength(1);
  });

  test('goes on at once when an address refuses', async () => {
    await using origin = await rawOrigin(() => {});
    const outcome = await dialed(origin.port, ['127.0.0.2', '::1', '127.0.0.1']);
    expect(outcome).toMatchObject({ reached: '127.0.0.1', failed: ['127.0.0.2', '::1'] });
  });

  test('does not wait for a silent address, gives it up when another answers, and names it as failed', async () => {
    await using origin = await rawOrigin(() => {});
    const outcome = await dialed(origin.port, ['silent', '127.0.0.1']);
    expect(outcome).toMatchObject({ reached: '127.0.0.1', failed: ['silent'] });
    expect(outcome.sockets[0]!.destroyed).toBe(true);
  });

  test('lets an address that is only slow win', async () => {
    await using origin = await rawOrigin(() => {});
    const late = new net.Socket();
    const result = new Promise<string>((resolve) => {
      dial(['late', 'silent'], (address) => (address === 'late' ? late : begin()), {
        onConnected: (socket, address) => {
          socket.destroy();
          resolve(address);
        },
        onFailed: () => resolve('failed'),
      });
      const begin = (): Socket => {
        late.connect(origin.port, '127.0.0.1'); // it has been waited for longer than its turn
        return new net.Socket();
      };
    });
    expect(await result).toBe('late');
  });

  test('says what happened when no address answers', async () => {
    const origin = await rawOrigin(() => {});
    await origin.close();
    const outcome = await dialed(origin.port, ['127.0.0.2', '127.0.0.3']);
    expect(outcome).toMatchObject({
      reached: null,
      error: 'ECONNREFUSED',
      failed: ['127.0.0.2', '127.0.0.3'],
    });
  });

  test('rather tells of a refusal than of a missing route', async () => {
    const origin = await rawOrigin(() => {});
    await origin.close();
    // 240.0.0.0/4 is reserved: no machine has a route there.
    expect(await dialed(origin.port, ['240.0.0.1', '127.0.0.2'])).toMatchObject({ error: 'ECONNREFUSED' });
  });

  test('tries eight addresses at most', async () => {
    const origin = await rawOrigin(() => {});
    await origin.close();
    const addresses = Array.from({ length: 20 }, (_, i) => `127.0.0.${i + 2}`);
    expect((await dialed(origin.port, addresses)).failed).toEqual(addresses.slice(0, 8));
  });

  test('tells nothing more once it is stopped', async () => {
    await using origin = await rawOrigin(() => {});
    const told: string[] = [];
    const sockets: Socket[] = [];
    const open = (address: string): Socket => {
      const socket = net.connect({ host: address, port: origin.port });
      sockets.push(socket);
      return socket;
    };
    const stop = dial(['127.0.0.1'], open, {
      onConnected: () => told.push('connected'),
      onFailed: () => told.push('failed'),
    });
    stop();
    await new Promise((resolve) => (sockets[0]!.closed ? resolve(null) : sockets[0]!.once('close', resolve)));
    expect(told).toEqual([]);
  });
});

describe('the order of addresses', () => {
  test('takes the families in turn, that of the first address first', () => {
    const order = new AddressOrder();
    expect(order.arrange(['::1', '::2', '::3', '1.1.1.1', '2.2.2.2'])).toEqual(
      ['::1', '1.1.1.1', '::2', '2.2.2.2', '::3'], // prettier-ignore
    );
    expect(order.arrange(['1.1.1.1', '2.2.2.2', '::1'])).toEqual(['1.1.1.1', '::1', '2.2.2.2']);
  });

  test('puts an address that failed last, until it works again', () => {
    const order = new AddressOrder();
    order.failed('::1');
    expect(order.arrange(['::1', '1.1.1.1', '2.2.2.2'])).toEqual(['1.1.1.1', '2.2.2.2', '::1']);
    order.worked('::1');
    expect(order.arrange(['::1', '1.1.1.1'])).toEqual(['::1', '1.1.1.1']);
  });

  test('keeps the order among addresses that all failed', () => {
    const order = new AddressOrder();
    for (const address of ['::1', '1.1.1.1']) order.failed(address);
    expect(order.arrange(['::1', '1.1.1.1'])).toEqual(['::1', '1.1.1.1']);
  });

  test('forgets the oldest of more than a thousand', () => {
    const order = new AddressOrder();
    for (let i = 0; i <= 1000; i++) order.failed(`10.0.${i >> 8}.${i & 255}`);
    expect(order.arrange(['10.0.0.0', '9.9.9.9'])).toEqual(['10.0.0.0', '9.9.9.9']);
    expect(order.arrange(['10.0.0.1', '9.9.9.9'])).toEqual(['9.9.9.9', '10.0.0.1']);
  });
});
