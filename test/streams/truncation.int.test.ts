// A body that breaks off never looks complete, neither to the client, nor to the origin, nor to an ICAP
// server on the way. C-39, K-41, S-08.

import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { curl } from '../support/curl.ts';
import { rawOrigin } from '../support/originServer.ts';
import { startCIcap, type CIcap } from '../support/peers/c-icap.ts';
import { startClamd, type Clamd } from '../support/peers/clamd.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requestThrough } from './exchange.ts';
import { patternAt } from './pattern.ts';
import { scriptedIcap, type ScriptedIcap } from './scripted-icap.ts';
import { eventually, START_LIMIT_MS, startWeirChild, type Route, type WeirChild } from './weir-child.ts';

const SENT = 700 * 1024; // bytes of the body that arrive
const PARTIAL_FILE = 18; // curl's exit codes
const RECEIVE_FAILURE = 56;
const STREAM_RESET = 92; // over HTTP/2

type Death = (socket: Socket) => void;

/** TLS ends without close_notify: the TCP connection below is ended by itself. */
const endTcp: Death = (socket) => void (socket as Socket & { _parent?: Socket })._parent!.destroySoon();
const reset: Death = (socket) => void (socket as Socket & { _parent?: Socket })._parent!.resetAndDestroy();
const endTls: Death = (socket) => void socket.end();

const FRAMINGS: Record<string, { readonly head: string; readonly chunked: boolean }> = {
  'Content-Length': { head: `Content-Length: ${SENT * 3}\r\n`, chunked: false },
  'chunked coding': { head: 'Transfer-Encoding: chunked\r\n', chunked: true },
};
const DEATHS: Record<string, Death> = {
  'an orderly TLS close': endTls,
  'a TCP close without close_notify': endTcp,
  'a reset': reset,
};
const CASES = Object.keys(FRAMINGS).flatMap((framing) =>
  Object.keys(DEATHS).map((death) => ({ framing, death })),
);

/** An HTTPS origin that sends part of a body and dies, at once or when it is time. */
function dyingOrigin(head: string, chunked: boolean, die: Death, time: Promise<unknown> = Promise.resolve()) {
  return rawOrigin(
    (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n${head}\r\n`);
        if (chunked) socket.write(`${(SENT * 2).toString(16)}\r\n`);
        socket.write(patternAt(0, SENT), () => void time.then(() => die(socket)));
      });
    },
    { tls: true },
  );
}

async function fetch(weir: WeirChild, route: Route, port: number, ...more: string[]) {
  const url = `https://${route}.origin.test:${port}/`;
  return curl(['-x', `http://127.0.0.1:${weir.port}`, '--cacert', weir.caPath, ...more, url]);
}

let weir: WeirChild;

beforeAll(async () => {
  weir = await startWeirChild();
}, START_LIMIT_MS);

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

describe.each(CASES)('an origin that dies in a body with $framing by $death', ({ framing, death }) => {
  const { head, chunked } = FRAMINGS[framing]!;

  test.each(['plain', 'echo'] as const)('gives the client an error (%s)', async (route) => {
    await using origin = await dyingOrigin(head, chunked, DEATHS[death]!);
    const result = await fetch(weir, route, origin.port);
    expect([PARTIAL_FILE, RECEIVE_FAILURE, STREAM_RESET]).toContain(result.exitCode);
  });

  test.each(['scan', 'scantcp'] as const)(
    'gives the client 502 when the body was held (%s)',
    async (route) => {
      await using origin = await dyingOrigin(head, chunked, DEATHS[death]!);
      const result = await fetch(weir, route, origin.port);
      expect(result).toMatchObject({ exitCode: 0, status: 502 });
      expect(result.body.toString()).toContain('ERR_ORIGIN_CLOSED');
    },
  );
});

test.each(['an orderly TLS close', 'a reset'])(
  'a client of HTTP/1.0, whose bodies end with the connection, is told of an origin that dies by %s',
  async (death) => {
    await using origin = await dyingOrigin('Transfer-Encoding: chunked\r\n', true, DEATHS[death]!);
    const result = await fetch(weir, 'plain', origin.port, '--http1.0', '--no-alpn');
    expect(result.exitCode).toBe(RECEIVE_FAILURE);
  },
);

test('a client of HTTP/1.0 without TLS is told as well', async () => {
  await using origin = await rawOrigin((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', () => socket.end());
    });
  });
  const target = `http://plain.origin.test:${origin.port}/`;
  const result = await curl(['-x', `http://127.0.0.1:${weir.port}`, '--http1.0', target]);
  expect(result.exitCode).toBe(RECEIVE_FAILURE);
});

describe('an ICAP server', () => {
  let icap: ScriptedIcap;
  let own: WeirChild;

  beforeAll(async () => {
    icap = await scriptedIcap((dialogue) => {
      void dialogue.until('0\r\n\r\n').then(() => dialogue.socket.write('ICAP/1.0 100 Continue\r\n\r\n'));
    });
    own = await startWeirChild({ foreign: icap.url, points: ['respmod'] });
  }, START_LIMIT_MS);

  afterAll(async () => {
    for (const server of [own, icap]) await server[Symbol.asyncDispose]();
  });

  test.each(CASES)(
    'is sent no last chunk of a body with $framing whose origin dies by $death',
    async ({ framing, death }) => {
      const { head, chunked } = FRAMINGS[framing]!;
      const arriving = icap.next().then(async (dialogue) => {
        await eventually(() => dialogue.received().length > SENT, 'the part of the body');
        return dialogue;
      });
      await using origin = await dyingOrigin(head, chunked, DEATHS[death]!, arriving);
      const result = await fetch(own, 'foreign', origin.port);
      const dialogue = await arriving;
      await dialogue.closedAt;
      const previewEnd = dialogue.received().indexOf('\r\n0\r\n\r\n') + 7;
      expect(dialogue.received().slice(previewEnd)).not.toMatch(/\r\n0\r\n\r\n/);
      expect(result).toMatchObject({ exitCode: 0, status: 502 });
    },
  );
});

describeWithPeer(['c-icap', 'virus_scan', 'clamd'], () => {
  let clamd: Clamd;
  let cIcap: CIcap;
  let own: WeirChild;

  beforeAll(async () => {
    clamd = await startClamd();
    cIcap = await startCIcap({ clamdSocket: clamd.socketPath });
    own = await startWeirChild({ foreign: cIcap.url('echo'), avscan: cIcap.url('avscan') });
  }, START_LIMIT_MS);

  afterAll(async () => {
    for (const peer of [own, cIcap, clamd]) await peer[Symbol.asyncDispose]();
  });

  test.each(CASES)(
    'an origin that dies in a body with $framing by $death is never whole behind c-icap',
    async ({ framing, death }) => {
      const { head, chunked } = FRAMINGS[framing]!;
      await using origin = await dyingOrigin(head, chunked, DEATHS[death]!);
      for (const route of ['foreign', 'foreign', 'avscan'] as const) {
        const { exitCode, status } = await fetch(own, route, origin.port);
        const whole = exitCode === 0 && status !== 502;
        expect({ route, whole, exitCode, status }).toMatchObject({ whole: false });
        if (route === 'avscan') expect({ exitCode, status }).toEqual({ exitCode: 0, status: 502 }); // it was held
      }
    },
  );
});

describe.each(['Content-Length', 'chunked coding'])('a client that dies in an upload with %s', (framing) => {
  const headers = framing === 'Content-Length' ? { 'content-length': SENT * 3 } : undefined;

  test.each(['plain', 'echo'] as const)('never gives the origin a whole request (%s)', async (route) => {
    let received = '';
    let closed = false;
    await using origin = await rawOrigin(
      (socket) => {
        socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
        socket.once('close', () => (closed = true));
      },
      { tls: true },
    );
    const { request, socket } = await requestThrough(weir, route, origin.port, '/', {
      method: 'POST',
      ...(headers === undefined ? {} : { headers }),
      body: true,
    });
    request.write(patternAt(0, SENT));
    await eventually(() => received.length > SENT, 'the part of the upload');
    socket.destroy();
    await eventually(() => closed, 'the end of the connection with the origin');
    expect(received.length).toBeLessThan(SENT + 4096);
    if (framing === 'chunked coding') expect(received).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  test.each(['scan', 'scantcp'] as const)('never reaches the origin when it was held (%s)', async (route) => {
    await using origin = await rawOrigin(() => {}, { tls: true });
    const { request, socket } = await requestThrough(weir, route, origin.port, `/held-${framing.length}`, {
      method: 'POST',
      ...(headers === undefined ? {} : { headers }),
      body: true,
    });
    await new Promise((resolve) => request.write(patternAt(0, SENT), resolve));
    socket.destroy();
    await weir.record(
      ({ kind, url, status }) =>
        kind === 'proxy' &&
        url === `https://${route}.origin.test:${origin.port}/held-${framing.length}` &&
        status === 0,
    );
    expect(origin.connections()).toBe(0);
  });
});
