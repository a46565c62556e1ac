// Runs one message through a pipeline whose first server misbehaves, under each policy, and says what came
// of it. Bodies are the pattern, made as they are wanted and compared as they come, so that 50 MiB cost no
// memory.

import { expect } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { WeirError } from '../../../src/errors.ts';
import type { SpoolOptions } from '../../../src/http/spool.ts';
import { IcapServiceClient } from '../../../src/icap/client/service-client.ts';
import type { ModMethod } from '../../../src/icap/service.ts';
import { AdaptationPipeline } from '../../../src/proxy/adaptation/pipeline.ts';
import type { PipelineOutput, StepTrace } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationStep, type StepService } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { PatternCheck, patternAt } from '../../streams/pattern.ts';
import { type PeerServer, startPeerServer } from '../../support/icap-peer.ts';
import { answerStart, type Fault, readAll, sendPatternChunks, SILENCE_MS } from './faults.ts';

const KiB = 1024;
const PIECE = 64 * KiB;
export const HOLD = 64 * KiB * KiB;
/** Bound of what is held where answers are to be longer. */
const CUT_HOLD = 100 * KiB;
export const SPOOL: SpoolOptions = { memoryBytes: 64 * KiB, folder: null };

export type Policy = 'block' | 'bypass' | 'failover';
export const POLICIES: readonly Policy[] = ['block', 'bypass', 'failover'];

/** `size` bytes of the pattern, in step with whoever reads them. */
export function patternBody(size: number): Body {
  let sent = 0;
  const more = (): void => {
    while (sent < size) {
      const part = patternAt(sent, Math.min(PIECE, size - sent));
      sent += part.length;
      if (!body.push(part)) return;
    }
    if (!body.ended) body.end();
  };
  const body = new Body({ resume: more, cancel: () => {} }, size);
  more();
  return body;
}

export interface Run {
  readonly output: PipelineOutput | null;
  /** Why the message failed, before or within its body. */
  readonly error: WeirError | null;
  /** Bytes of the body that came. */
  readonly bytes: number;
  /** Null where all of them are the pattern's. */
  readonly differsAt: number | null;
  readonly trace: readonly StepTrace[];
}

/** Sends a message with so many bytes through a pipeline and reads what comes out of it. */
export async function run(pipeline: AdaptationPipeline, method: ModMethod, size: number): Promise<Run> {
  const trace: StepTrace[] = [];
  const check = new PatternCheck();
  let output: PipelineOutput | null = null;
  const request = {
    ...{ method: 'POST', target: 'http://origin.test/page', version: '1.1' },
    headers: ['Host', 'origin.test'],
  };
  const response = { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Type', 'text/html'] };
  try {
    output = await pipeline.run(
      method,
      {
        ...{ host: 'origin.test', request, response: method === 'RESPMOD' ? response : null },
        body: size === 0 ? null : patternBody(size),
        ...{ clientIp: null, serverIp: null, user: null, cancellation: new Cancellation() },
      },
      trace,
    );
    if (output.body !== null) await taken(output.body, check);
    return { output, error: null, bytes: check.bytes, differsAt: check.differsAt, trace };
  } catch (error) {
    return { output, error: error as WeirError, bytes: check.bytes, differsAt: check.differsAt, trace };
  }
}

function taken(body: Body, check: PatternCheck): Promise<void> {
  return new Promise((resolve, reject) => {
    body.consume({
      onData: (chunk) => (check.take(chunk), true),
      onEnd: () => resolve(),
      onError: reject,
    });
  });
}

/** Reads the message, which must be the pattern, and sends it back as one of its own. */
export function startSound(): Promise<PeerServer> {
  return startPeerServer(async (peer, request) => {
    const check = new PatternCheck();
    await readAll(peer, request, (piece) => check.take(piece));
    if (check.differsAt !== null) throw new Error(`the body that was sent differs at ${check.differsAt}`);
    peer.send(answerStart(request.method));
    await sendPatternChunks(peer, 0, check.bytes);
    peer.send('0\r\n\r\n');
  });
}

export interface FaultLab extends AsyncDisposable {
  /** One message to the server that misbehaves: alone, or with a sound one to take over. Any number at once. */
  run(fault: Fault, policy: Policy, method: ModMethod, size: number, holdBytes?: number): Promise<Run>;
}

/** A faulty server, which does what each run asks for, and a sound one. */
export async function startFaultLab(): Promise<FaultLab> {
  const running = new Map<string, { fault: Fault; size: number }>(); // by the path of the service
  let runs = 0;
  const faulty = await startPeerServer((peer, request) => {
    const { fault, size } = running.get(new URL(request.uri).pathname)!;
    return fault.script(peer, request, size);
  });
  const sound = await startSound();
  const clientOf = (name: string, { port }: PeerServer, path: string, timeoutMs: number): IcapServiceClient =>
    new IcapServiceClient({
      ...{ name, secure: false, host: '127.0.0.1', port, path },
      ...{ timeoutMs, connectTimeoutMs: 2000, userAgent: 'test' },
    });
  return {
    async run(fault, policy, method, size, holdBytes = HOLD) {
      const path = `/${++runs}`;
      running.set(path, { fault, size });
      const first = clientOf('faulty', faulty, path, fault.silent === true ? SILENCE_MS : 10_000);
      const second = clientOf('sound', sound, path, 10_000);
      const onError = policy === 'bypass' ? ('bypass' as const) : ('block' as const);
      const members: StepService[] = [{ service: first, onError, busy: 0 }];
      if (policy === 'failover') members.push({ service: second, onError, busy: 0 });
      const plan = [{ steps: [new AdaptationStep('step', members, 'failover')], when: null, stop: false }];
      const options = { reqmod: plan, respmod: plan, spool: SPOOL, holdBytes };
      try {
        return await run(new AdaptationPipeline(options), method, size);
      } finally {
        first.close();
        second.close();
      }
    },
    async [Symbol.asyncDispose]() {
      await faulty.stop();
      await sound.stop();
    },
  };
}

/**
 * All that a fault promises for a message of that size, under each policy: refused with its error and
 * nothing of it delivered; or the original, whole; or what the next server makes of it.
 */
export async function checkFault(
  lab: FaultLab,
  fault: Fault,
  method: ModMethod,
  size: number,
): Promise<void> {
  const one = (policy: Policy): Promise<Run> => lab.run(fault, policy, method, size);
  // Those that are waited for wait together.
  const all = fault.silent === true ? await Promise.all(POLICIES.map(one)) : [];
  const [blocked, bypassed, replaced] = [
    all[0] ?? (await one('block')),
    all[1] ?? (await one('bypass')),
    all[2] ?? (await one('failover')),
  ];
  const code = (size === 0 ? fault.bodiless : undefined) ?? fault.code;
  const whole = { error: null, bytes: size, differsAt: null };
  if (code === null) {
    for (const run of [blocked, bypassed, replaced]) {
      expect(run).toMatchObject({ ...whole, output: { verdict: 'modified' } });
      expect(run.trace.at(-1)?.service).toBe('faulty');
    }
    return;
  }
  expect(blocked.error?.code).toBe(code);
  expect(blocked).toMatchObject({ output: null, bytes: 0 });
  expect(bypassed).toMatchObject({ ...whole, output: { verdict: 'bypassed' } });
  expect(replaced).toMatchObject({ ...whole, output: { verdict: 'modified' } });
  expect(replaced.trace.at(-1)?.service).toBe('sound');
}

/**
 * All that a fault within an answer promises where the answer is longer than what is held: under each policy
 * a part goes on, and is cut with the fault's error, so that nobody takes it for the whole.
 */
export async function checkCut(lab: FaultLab, fault: Fault, method: ModMethod, size: number): Promise<void> {
  const runs = POLICIES.map((policy) => lab.run(fault, policy, method, size, CUT_HOLD));
  for (const cut of await Promise.all(runs)) {
    expect(cut.error?.code).toBe(fault.code);
    expect(cut.output).not.toBeNull();
    expect(cut.bytes).toBeGreaterThan(CUT_HOLD);
    expect(cut.bytes).toBeLessThan(size);
    expect(cut.differsAt).toBeNull();
  }
}
