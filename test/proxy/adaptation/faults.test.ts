// What the user gets when an ICAP server fails: each fault, at both points, with bodies of several sizes,
// under each policy. A message arrives whole or is refused with an error that names the reason; never a part.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { WeirError } from '../../../src/errors.ts';
import type { AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import type { PipelineOutput, StepTrace } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationPipeline } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationStep } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { collectBody } from '../../../src/http/body.ts';
import type { IcapConversation } from '../../icap/client/scripted-icap.ts';
import { CONTINUE, scriptedIcap } from '../../icap/client/scripted-icap.ts';
import { freePort } from '../../support/supervised.ts';

const KiB = 1024;
const SIZES = { none: 0, '1 KiB': KiB, '100 KiB': 100 * KiB, '1 MiB': KiB * KiB } as const;
type Method = AdaptationMessage['method'];

const HTTP_HEAD = {
  REQMOD: 'POST http://origin.test/page HTTP/1.1\r\nHost: origin.test\r\nX-Adapted: yes\r\n\r\n',
  RESPMOD: 'HTTP/1.1 200 OK\r\nX-Adapted: yes\r\n\r\n',
};

/** Start of a 200 with a body, for either method. */
function answerStart(method: Method): string {
  const kind = method === 'REQMOD' ? 'req' : 'res';
  return `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: ${kind}-hdr=0, ${kind}-body=${HTTP_HEAD[method].length}\r\n\r\n${HTTP_HEAD[method]}`;
}

/** Asks for the rest where there is one, as a server does that wants to see all. */
async function readAll(peer: IcapConversation, request: string): Promise<void> {
  if (request.includes('null-body') || request.includes('; ieof')) return;
  peer.send(CONTINUE);
  await peer.readRest();
}

type Fault = (peer: IcapConversation, request: string, method: Method) => Promise<void> | void;

/** What a server does after it was sent a message. `slow`: the client finds out only by its time limit. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'closes before it answers': (peer) => void peer.socket.end(),
  'resets before it answers': (peer) => void peer.socket.resetAndDestroy(),
  'says nothing': () => new Promise(() => {}),
  'closes after it asked for the rest': async (peer, request) => {
    await readAll(peer, request);
    peer.socket.end();
  },
  'resets while the rest is being sent': (peer, request) => {
    if (!request.includes('null-body') && !request.includes('; ieof')) peer.send(CONTINUE);
    peer.socket.once('data', () => peer.socket.resetAndDestroy());
    if (request.includes('null-body') || request.includes('; ieof')) peer.socket.resetAndDestroy();
  },
  'answers something that is not ICAP': (peer) => peer.send('HTTP/1.1 200 OK\r\n\r\n'),
  'closes inside the ICAP header': (peer) => {
    peer.send('ICAP/1.0 200 OK\r\nISTag: "t');
    peer.socket.end();
  },
  'closes inside the HTTP header': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(answerStart(method).slice(0, -20));
    peer.socket.end();
  },
  'closes in the middle of its body': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method)}10000\r\n${'x'.repeat(30_000)}`);
    peer.socket.end();
  },
  'resets in the middle of its body': async (peer, request, method) => {
    await readAll(peer, request);
    peer.socket.write(`${answerStart(method)}10000\r\n${'x'.repeat(30_000)}`, () => {
      peer.socket.resetAndDestroy();
    });
  },
  'stalls in the middle of its body': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method)}ff\r\nonly a part`);
    return new Promise(() => {});
  },
  'breaks its chunks': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method)}5\r\nhelloXX5\r\nworld\r\n0\r\n\r\n`);
  },
  'closes without its last chunk': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method)}5\r\nhello\r\n`);
    peer.socket.end();
  },
  'closes in the middle of a 206': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method).replace('200 OK', '206 Partial')}5\r\nhello\r\n`);
    peer.socket.end();
  },
  'points behind the end of the original in a 206': async (peer, request, method) => {
    await readAll(peer, request);
    peer.send(`${answerStart(method).replace('200 OK', '206 Partial')}5\r\nhello\r\n`);
    peer.send('0; use-original-body=99999999\r\n\r\n');
  },
  'answers 500': (peer) => peer.send('ICAP/1.0 500 Server Error\r\nEncapsulated: null-body=0\r\n\r\n'),
  'is overloaded': (peer) =>
    peer.send('ICAP/1.0 503 Overloaded\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n'),
  'answers a status of its own': (peer) => peer.send('ICAP/1.0 539 No licence\r\n\r\n'),
  'answers without any header': (peer) =>
    peer.send('ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n0\r\n\r\n'),
};

const SLOW = new Set(['says nothing', 'stalls in the middle of its body']);
const TIMEOUT_MS = 300; // of the faulty server's client

const HOLD = 64 * KiB * KiB;
const SPOOL = { memoryBytes: 64 * KiB, folder: null };

function content(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
  return bytes;
}

interface Run {
  readonly output: PipelineOutput | null;
  readonly body: Buffer | null;
  readonly error: WeirError | null;
  readonly trace: readonly StepTrace[];
}

async function run(pipeline: AdaptationPipeline, method: Method, bytes: Buffer): Promise<Run> {
  const trace: StepTrace[] = [];
  const request = {
    method: 'POST',
    target: 'http://origin.test/page',
    version: '1.1',
    headers: ['Host', 'origin.test'],
  };
  const response = { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Type', 'text/html'] };
  try {
    const output = await pipeline.run(
      method,
      {
        host: 'origin.test',
        request,
        response: method === 'RESPMOD' ? response : null,
        body: bytes.length === 0 ? null : Body.of(bytes),
        ...{ clientIp: null, serverIp: null, user: null, cancellation: new Cancellation() },
      },
      trace,
    );
    const body = output.body === null ? Buffer.alloc(0) : await collectBody(output.body, 64 * KiB * KiB);
    return { output, body, error: null, trace };
  } catch (error) {
    return { output: null, body: null, error: error as WeirError, trace };
  }
}

/** Sends everything back as a message of its own, with a field that tells. */
async function echo(peer: IcapConversation, request: string, method: Method): Promise<void> {
  let body = '';
  if (!request.includes('null-body')) {
    const preview = /\r\n\r\n4\r\n([^]{4})\r\n0(; ieof)?\r\n\r\n$/.exec(request);
    body = preview?.[1] ?? '';
    peer.send(CONTINUE);
    body += unchunked(await peer.readRest());
  }
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  peer.send(`${answerStart(method)}${chunk}0\r\n\r\n`);
}

function unchunked(text: string): string {
  let data = '';
  for (let at = 0; ;) {
    const end = text.indexOf('\r\n', at);
    const size = parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return data;
    data += text.slice(end + 2, end + 2 + size);
    at = end + 4 + size;
  }
}

describe.each(['REQMOD', 'RESPMOD'] as const)('K-60 %s to a server that', (method) => {
  describe.each(Object.keys(FAULTS))('%s', (name) => {
    const sizes = Object.entries(SIZES).filter(([, size]) => !SLOW.has(name) || size <= KiB);
    test.each(sizes)('body: %s', async (_, size) => {
      await using faulty = await scriptedIcap((peer, request) => FAULTS[name]!(peer, request, method));
      await using sound = await scriptedIcap((peer, request) => echo(peer, request, method));
      const bytes = content(size);
      const member = (onError: 'block' | 'bypass') => ({
        service: faulty.client({ name: 'faulty', timeoutMs: SLOW.has(name) ? TIMEOUT_MS : 5000 }),
        ...{ onError, busy: 0 },
      });
      const other = { service: sound.client({ name: 'sound' }), onError: 'block' as const, busy: 0 };
      const pipelineOf = (...members: ReturnType<typeof member>[]): AdaptationPipeline => {
        const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
        return new AdaptationPipeline({ reqmod: plan, respmod: plan, spool: SPOOL, holdBytes: HOLD });
      };

      const blocked = await run(pipelineOf(member('block')), method, bytes);
      expect(blocked.error?.code).toMatch(/^ERR_ADAPT_/);
      expect(blocked.output).toBeNull();

      const bypassed = await run(pipelineOf(member('bypass')), method, bytes);
      expect(bypassed.error).toBeNull();
      expect(bypassed.output?.verdict).toBe('bypassed');
      expect(bypassed.body!.equals(bytes)).toBe(true);

      const replaced = await run(pipelineOf(member('block'), other), method, bytes);
      expect(replaced.error).toBeNull();
      expect(replaced.trace.at(-1)?.service).toBe('sound');
      expect(replaced.output?.verdict).toBe('modified');
      expect(replaced.body!.equals(bytes)).toBe(true);
    });
  });
});

describe('the bound of what is held', () => {
  test('a longer answer is streamed, and cut when its server breaks off', async () => {
    await using faulty = await scriptedIcap(async (peer, request) => {
      await readAll(peer, request);
      peer.send(`${answerStart('RESPMOD')}100000\r\n${'x'.repeat(500_000)}`);
      peer.socket.end();
    });
    const members = [{ service: faulty.client({ failureLimit: 1000 }), onError: 'bypass' as const, busy: 0 }];
    const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
    const pipeline = new AdaptationPipeline({
      reqmod: plan,
      respmod: plan,
      spool: SPOOL,
      holdBytes: 100 * KiB,
    });
    const result = await run(pipeline, 'RESPMOD', content(KiB));
    expect(result.error?.code).toBe('ERR_ADAPT_UNAVAILABLE'); // its body failed: nobody takes it for complete
  });

  test('a stream without an end is not waited for', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
    await using server = await scriptedIcap((peer) => {
      peer.send(
        `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}`,
      );
      peer.send('d\r\ndata: first\n\n\r\n');
      return new Promise(() => {});
    });
    const members = [{ service: server.client(), onError: 'block' as const, busy: 0 }];
    const result = await new AdaptationStep('step', members, 'failover').run(
      {
        method: 'RESPMOD',
        request: { method: 'GET', target: 'http://origin.test/', version: '1.1', headers: [] },
        requestText: 'GET http://origin.test/ HTTP/1.1\r\n\r\n',
        response: { version: '1.1', status: 200, reason: 'OK', headers: [] },
        ...{ body: null, clientIp: null, serverIp: null, user: null, cancellation: new Cancellation() },
      },
      SPOOL,
      HOLD,
    );
    const { body } = result.adaptation!;
    const first = await new Promise<Buffer>((resolve, reject) => {
      body!.consume({ onData: (chunk) => (resolve(chunk), true), onEnd: () => {}, onError: reject });
    });
    expect(first.toString()).toBe('data: first\n\n');
    body!.cancel();
  });

  test('all messages together keep no more than spool.total, and what is freed counts no more', async () => {
    await using faulty = await scriptedIcap((peer, request) =>
      FAULTS['closes without its last chunk']!(peer, request, 'RESPMOD'),
    );
    const members = [{ service: faulty.client({ failureLimit: 1000 }), onError: 'bypass' as const, busy: 0 }];
    const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
    const small = new AdaptationPipeline({
      reqmod: plan,
      respmod: plan,
      spool: { ...SPOOL, totalBytes: 512 * KiB },
      holdBytes: HOLD,
    });
    for (let i = 0; i < 20; i++) {
      expect((await run(small, 'RESPMOD', content(100 * KiB))).body?.length).toBe(100 * KiB);
    }
    const refused = await run(small, 'RESPMOD', content(600 * KiB));
    expect(refused.error?.code).toBe('ERR_SPOOL');
    expect((await run(small, 'RESPMOD', content(100 * KiB))).body?.length).toBe(100 * KiB);
  });

  test('a service that does not listen fails over as well', async () => {
    await using sound = await scriptedIcap((peer, request) => echo(peer, request, 'RESPMOD'));
    const dead = sound.client({ name: 'dead', port: await freePort() });
    const members = [dead, sound.client()].map((service) => ({
      service,
      onError: 'block' as const,
      busy: 0,
    }));
    const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
    const pipeline = new AdaptationPipeline({ reqmod: plan, respmod: plan, spool: SPOOL, holdBytes: HOLD });
    expect((await run(pipeline, 'RESPMOD', content(100 * KiB))).body!.equals(content(100 * KiB))).toBe(true);
  });
});
