// Syslog messages as they really arrive: at UDP, TCP and TLS listeners, after a connection broke, and with more
// waiting than there is room for.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import type { SiemEvent } from '../../../src/telemetry/syslog/siem-event.ts';
import type { SyslogTargetOptions } from '../../../src/telemetry/syslog/target.ts';
import { SyslogTarget } from '../../../src/telemetry/syslog/target.ts';
import { tempDir } from '../../support/tempDir.ts';
import { testCa } from '../../support/testCa.ts';

const event = (id: string): SiemEvent => ({
  ...{ time: 0, id, type: 'block', name: 'Content blocked', severity: 'high' },
  values: { action: 'blocked', url: 'http://a.test/ä' },
});
const NO_TLS = { ca: [], cert: null, key: null, verify: true, serverName: null };

function optionsFor(transport: 'udp' | 'tcp' | 'tls', port: number, more: object = {}): SyslogTargetOptions {
  return {
    ...{ transport, host: '127.0.0.1', port, format: 'json', facility: 'local0', framing: 'octet-counting' },
    ...{ send: ['incidents'], maxBytes: 2048, maxQueue: 100, hostName: 'gw', tls: NO_TLS, pauseMs: 5 },
    ...more,
  };
}

/** Reads frames by octet counting (RFC 6587 §3.4.1). */
class Receiver {
  readonly sockets: Socket[] = [];
  readonly ids: string[] = [];
  #waits: (() => void)[] = [];

  take(socket: Socket): void {
    this.sockets.push(socket);
    socket.on('error', () => {});
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const count = /^(\d+) /.exec(bytes.subarray(0, 10).toString('latin1'));
        if (count === null || bytes.length < count[0].length + Number(count[1])) break;
        const end = count[0].length + Number(count[1]);
        this.#note(bytes.subarray(count[0].length, end).toString('utf8'));
        bytes = bytes.subarray(end);
      }
    });
    for (const wake of this.#waits.splice(0)) wake();
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((resolve) => this.#waits.push(resolve));
  }

  #note(message: string): void {
    expect(message).toMatch(/^<131>1 1970-01-01T00:00:00.000Z gw weir \d+ block - \{/);
    this.ids.push((JSON.parse(message.slice(message.indexOf('{'))) as { id: string }).id);
    for (const wake of this.#waits.splice(0)) wake();
  }
}

async function listening(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const silent = (): void => {};

test('by UDP each message is a datagram, cut to its bound', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const target = new SyslogTarget(optionsFor('udp', socket.address().port, { maxBytes: 480 }), silent);
  const arrived = once(socket, 'message') as Promise<[Buffer]>;
  target.send({ ...event('one'), values: { action: 'blocked', reason: 'r'.repeat(3000) } });
  const [datagram] = await arrived;
  expect(datagram.length).toBeLessThanOrEqual(480);
  expect(datagram.toString()).toMatch(/^<131>1 .* block - \{.*"id":"one".*\}$/);
  await target.close(100);
  socket.close();
});

describe('by TCP', () => {
  test('messages come in order, and go on after the connection broke', async () => {
    const receiver = new Receiver();
    const server = net.createServer((socket) => receiver.take(socket));
    const port = await listening(server);
    const logged: string[] = [];
    const target = new SyslogTarget(optionsFor('tcp', port), (level, message) =>
      logged.push(`${level} ${message}`),
    );
    for (let n = 0; n < 50; n++) target.send(event(`a${n}`));
    await receiver.until(() => receiver.ids.length === 50);
    expect(receiver.ids).toEqual(Array.from({ length: 50 }, (_, n) => `a${n}`));

    receiver.sockets[0]!.resetAndDestroy();
    const closed = once(server, 'close');
    server.close();
    await closed;
    // Whether the break is seen before or after this one is written, it must not be lost for good.
    await new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (logged.length === 0) return target.send(event('probe'));
        clearInterval(poll);
        resolve();
      }, 5);
    });
    expect(logged[0]).toMatch(/^warn syslog: tcp:\/\/127\.0\.0\.1:\d+ cannot be reached/);
    target.send(event('after'));
    const again = net.createServer((socket) => receiver.take(socket));
    await listening(again, port);
    await receiver.until(() => receiver.ids.includes('after'));
    expect(logged.some((line) => line.includes('is reached again'))).toBe(true);
    await target.close(100);
    again.close();
  });

  test('with nobody there the queue is bounded and what is lost is counted', async () => {
    const server = net.createServer();
    const port = await listening(server);
    server.close();
    await once(server, 'close');
    const target = new SyslogTarget(optionsFor('tcp', port, { maxQueue: 3, pauseMs: 60_000 }), silent);
    for (let n = 0; n < 10; n++) target.send(event(`${n}`));
    expect(target.dropped).toBe(7);
    await target.close(0);
    expect(target.dropped).toBe(10);
  });

  test('newline framing ends each message with a line feed', async () => {
    const server = net.createServer();
    const port = await listening(server);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const target = new SyslogTarget(optionsFor('tcp', port, { framing: 'newline', format: 'cef' }), silent);
    target.send(event('x'));
    const [socket] = await accepted;
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^<131>1 [^\n]* - CEF:0\|Weir\|[^\n]*\n$/);
    await target.close(100);
    server.close();
  });

  test('what waits is sent before the end', async () => {
    const receiver = new Receiver();
    const server = net.createServer((socket) => receiver.take(socket));
    const target = new SyslogTarget(optionsFor('tcp', await listening(server)), silent);
    for (let n = 0; n < 20; n++) target.send(event(`${n}`));
    await target.close(2000);
    await receiver.until(() => receiver.ids.length === 20);
    expect(target.dropped).toBe(0);
    server.close();
  });
});

describe('by TLS', () => {
  test('both ends are verified: the receiver by its name, Weir by its certificate', async () => {
    await using folder = await tempDir();
    const ca = await testCa();
    const [ours, theirs] = [await ca.issue(['weir']), await ca.issue(['siem.test'])];
    const receiver = new Receiver();
    const seen: string[] = [];
    const options = { ...theirs, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
    const server = tls.createServer(options, (socket) => {
      seen.push(socket.getPeerCertificate().subjectaltname ?? '');
      receiver.take(socket);
    });
    server.on('tlsClientError', () => {});
    const port = await listening(server);
    const files = {
      ...{ ca: [ca.certPath], verify: true, serverName: 'siem.test' },
      cert: await folder.write('cert.pem', ours.cert),
      key: await folder.write('key.pem', ours.key),
    };
    const target = new SyslogTarget(optionsFor('tls', port, { tls: files }), silent);
    target.send(event('secure'));
    await receiver.until(() => receiver.ids.length === 1);
    expect(seen).toEqual(['DNS:weir']);
    await target.close(100);

    const wrong = new Promise<string>((resolve) => {
      const other = { ...files, serverName: 'other.test' };
      const strange = new SyslogTarget(
        optionsFor('tls', port, { tls: other, pauseMs: 60_000 }),
        (_, message) => {
          void strange.close(0).then(() => resolve(message));
        },
      );
      strange.send(event('never'));
    });
    expect(await wrong).toContain('cannot be reached');
    expect(receiver.ids).toEqual(['secure']);
    server.close();
  });

  test('files that cannot be read, or are no certificates, are errors of the configuration', async () => {
    await using folder = await tempDir();
    const junk = await folder.write('junk.pem', 'no certificate');
    const make = (more: object) => () =>
      new SyslogTarget(optionsFor('tls', 1, { tls: { ...NO_TLS, ...more } }), silent);
    expect(make({ ca: [folder.join('none')] })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_UNREADABLE' }),
    );
    expect(make({ cert: junk, key: junk })).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }));
  });
});
