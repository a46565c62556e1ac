// What the user gets when an ICAP server fails: each fault of faults.ts, at both points, with bodies of several
// sizes, under each policy. A message arrives whole or is refused with an error that names the reason; never
// a part. Bodies of 50 MiB are faults-large.test.ts.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AdaptationPipeline } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationStep, type StepService } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { scriptedIcap } from '../../icap/client/scripted-icap.ts';
import { startPeerServer } from '../../support/icap-peer.ts';
import { freePort } from '../../support/supervised.ts';
import {
  checkCut,
  checkFault,
  type FaultLab,
  HOLD,
  run,
  SPOOL,
  startFaultLab,
  startSound,
} from './fault-runs.ts';
import { FAULTS } from './faults.ts';

const KiB = 1024;
const SIZES = { none: 0, '1 KiB': KiB, '100 KiB': 100 * KiB } as const;

describe.each(['REQMOD', 'RESPMOD'] as const)('K-60 %s to a server that', (method) => {
  let lab: FaultLab;
  beforeAll(async () => {
    lab = await startFaultLab();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const rows = FAULTS.map((fault) => [fault.does, fault] as const);
  const sizes = Object.entries(SIZES);
  describe.each(rows.filter(([, { silent }]) => silent !== true))('%s', (_, fault) => {
    test.each(sizes)('body: %s', async (__, size) => checkFault(lab, fault, method, size));
  });

  // Those that are waited for wait together.
  test.each(rows.filter(([, { silent }]) => silent === true))(
    '%s, with a body or without',
    async (_, fault) => {
      await Promise.all(sizes.map(([, size]) => checkFault(lab, fault, method, size)));
    },
  );
});

describe('the bound of what is held', () => {
  let lab: FaultLab;
  beforeAll(async () => {
    lab = await startFaultLab();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  test.each(FAULTS.filter(({ inAnswer }) => inAnswer).map((fault) => [fault.does, fault] as const))(
    'K-61 a longer answer is streamed, and cut when its server %s',
    async (_, fault) => checkCut(lab, fault, 'RESPMOD', 1024 * KiB),
  );

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

  /** A pipeline of one group, whose members all block on errors unless they bypass. */
  const pipelineOf = (members: StepService[], spool = SPOOL): AdaptationPipeline => {
    const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
    return new AdaptationPipeline({ reqmod: plan, respmod: plan, spool, holdBytes: HOLD });
  };

  test('all messages together keep no more than spool.total, and what is freed counts no more', async () => {
    const fault = FAULTS.find(({ does }) => does === 'closes without its last chunk')!;
    await using faulty = await startPeerServer((peer, request) => fault.script(peer, request, 100 * KiB));
    await using clients = await scriptedIcap(() => {});
    const service = clients.client({ port: faulty.port, failureLimit: 1000 });
    const members = [{ service, onError: 'bypass' as const, busy: 0 }];
    const small = pipelineOf(members, { ...SPOOL, totalBytes: 512 * KiB });
    for (let i = 0; i < 20; i++) {
      expect(await run(small, 'RESPMOD', 100 * KiB)).toMatchObject({ bytes: 100 * KiB, differsAt: null });
    }
    expect((await run(small, 'RESPMOD', 600 * KiB)).error?.code).toBe('ERR_SPOOL');
    expect(await run(small, 'RESPMOD', 100 * KiB)).toMatchObject({ bytes: 100 * KiB, differsAt: null });
  });

  test('a service that does not listen fails over as well', async () => {
    await using sound = await startSound();
    await using clients = await scriptedIcap(() => {});
    const services = [await freePort(), sound.port].map((port) => clients.client({ port, timeoutMs: 5000 }));
    const members = services.map((service) => ({ service, onError: 'block' as const, busy: 0 }));
    const result = await run(pipelineOf(members), 'RESPMOD', 100 * KiB);
    expect(result).toMatchObject({ error: null, bytes: 100 * KiB, differsAt: null });
  });
});
