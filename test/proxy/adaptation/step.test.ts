import { describe, expect, test } from '@jest/globals';
import { HttpError, IcapError } from '../../../src/errors.ts';
import { Body, collectBody } from '../../../src/http/body.ts';
import { DEFAULT_SPOOL } from '../../../src/http/spool.ts';
import type {
  Adaptation,
  AdaptationMessage,
  AdaptationService,
} from '../../../src/icap/client/adaptation.ts';
import { AdaptationPipeline, type StepTrace } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationStep, type StepService } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import { freePort } from '../../support/supervised.ts';
import { NO_CONTENT, PAGE, respmod, scriptedIcap } from '../../icap/client/scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');
const unavailable = new IcapError('ERR_ADAPT_UNAVAILABLE', 'not there');

/** A service that is a function, for what needs no network. */
function service(
  name: string,
  adapt: (message: AdaptationMessage) => Promise<Adaptation> | Adaptation,
  onError: StepService['onError'] = 'block',
): StepService {
  const it: AdaptationService = { name, available: true, remote: false, adapt, close() {} };
  return { service: it, onError, busy: 0 };
}

const unmodified = (message: AdaptationMessage): Adaptation => ({
  ...{ icapStatus: 204, request: null, response: null, icapHeaders: [], preview: null },
  body: message.body?.restream() ?? null,
});
const failing = (): never => {
  throw unavailable;
};

describe('a group', () => {
  test('a member that is known to be down is asked last', async () => {
    const down = service('down', failing);
    const members = [{ ...down, service: { ...down.service, available: false } }, service('up', unmodified)];
    const result = await new AdaptationStep('g', members, 'failover').run(respmod(TEXT), DEFAULT_SPOOL);
    expect(result.service).toBe('up');
  });

  test('hash moves only the objects of a member that is missing', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const whoGets = async (members: readonly string[], path: string): Promise<string> => {
      const step = new AdaptationStep(
        'g',
        members.map((name) => service(name, unmodified)),
        'hash',
      );
      const message = respmod(TEXT);
      const request = { ...message.request, target: `http://h.test/${path}` };
      return (await step.run({ ...message, request }, DEFAULT_SPOOL)).service;
    };
    const counts = new Map<string, number>();
    for (let i = 0; i < 200; i++) {
      const before = await whoGets(names, `object${i}`);
      counts.set(before, (counts.get(before) ?? 0) + 1);
      const after = await whoGets(['a', 'b', 'd'], `object${i}`);
      if (before !== 'c') expect(after).toBe(before);
    }
    for (const name of names) expect(counts.get(name)).toBeGreaterThan(20); // of 50 on average
  });

  test('overload has a policy of its own', async () => {
    const busy = (): never => {
      throw new IcapError('ERR_ADAPT_BUSY', 'all connections are busy');
    };
    const passes = new AdaptationStep('g', [{ ...service('a', busy), onOverload: 'bypass' }], 'failover');
    expect((await passes.run(respmod(TEXT), DEFAULT_SPOOL)).adaptation).toBeNull();
    const refuses = new AdaptationStep(
      'g',
      [{ ...service('a', busy, 'bypass'), onOverload: 'block' }],
      'failover',
    );
    await expect(refuses.run(respmod(TEXT), DEFAULT_SPOOL)).rejects.toMatchObject({ code: 'ERR_ADAPT_BUSY' });
  });

  test('failover tries the next member with the whole body when the first does not run', async () => {
    await using live = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const dead = live.client({ name: 'dead', port: await freePort() });
    const members = [dead, live.client({ name: 'live' })].map((it) => ({
      ...{ service: it, onError: 'block' as const, busy: 0 },
    }));
    const step = new AdaptationStep('group', members, 'failover');
    for (let i = 0; i < 2; i++) {
      const result = await step.run(respmod(TEXT), DEFAULT_SPOOL);
      expect(result.service).toBe('live');
      expect((await collectBody(result.adaptation!.body!, 1000)).equals(TEXT)).toBe(true);
    }
    expect(members.map(({ busy }) => busy)).toEqual([0, 0]);
  });

  test('failover goes on when the first member fails in the middle of the dialogue', async () => {
    await using bad = await scriptedIcap((peer) => void peer.socket.destroy());
    await using good = await scriptedIcap((peer) => peer.send(PAGE));
    const members = [bad.client({ name: 'bad' }), good.client({ name: 'good' })].map((it) => ({
      ...{ service: it, onError: 'block' as const, busy: 0 },
    }));
    const result = await new AdaptationStep('group', members, 'failover').run(respmod(TEXT), DEFAULT_SPOOL);
    expect(result).toMatchObject({ service: 'good', adaptation: { response: { status: 403 } } });
  });

  test('the last member decides whether its failure blocks or is bypassed', async () => {
    const blocking = new AdaptationStep(
      'g',
      [service('a', failing, 'bypass'), service('b', failing)],
      'failover',
    );
    await expect(blocking.run(respmod(TEXT), DEFAULT_SPOOL)).rejects.toBe(unavailable);
    const bypassing = new AdaptationStep(
      'g',
      [service('a', failing), service('b', failing, 'bypass')],
      'failover',
    );
    const result = await bypassing.run(respmod(TEXT), DEFAULT_SPOOL);
    expect(result).toMatchObject({ adaptation: null, service: 'b', error: unavailable });
    expect((await collectBody(result.original!.restream(), 1000)).equals(TEXT)).toBe(true);
  });

  test('K-61 a body that was given up cannot be bypassed', async () => {
    const taking = service(
      'a',
      (message) => {
        message.body!.release();
        throw unavailable;
      },
      'bypass',
    );
    await expect(
      new AdaptationStep('g', [taking], 'failover').run(respmod(TEXT), DEFAULT_SPOOL),
    ).rejects.toBe(unavailable);
  });

  test('nothing is tried further for a client that has left', async () => {
    const cancellation = new Cancellation();
    let asked = 0;
    const leaving = service('a', () => {
      cancellation.cancel(new HttpError('ERR_ABORTED', 'gone'));
      throw unavailable;
    });
    const step = new AdaptationStep(
      'g',
      [leaving, service('b', (it) => (asked++, unmodified(it)))],
      'failover',
    );
    await expect(step.run(respmod(TEXT, { cancellation }), DEFAULT_SPOOL)).rejects.toBe(unavailable);
    expect(asked).toBe(0);
  });

  test('round-robin takes turns, hash keeps to one service for a URL', async () => {
    const members = ['a', 'b', 'c'].map((name) => service(name, unmodified));
    const used = async (step: AdaptationStep, target = 'http://h.test/x'): Promise<string> => {
      const message = respmod(TEXT);
      const request = { ...message.request, target };
      return (await step.run({ ...message, request }, DEFAULT_SPOOL)).service;
    };
    const robin = new AdaptationStep('g', members, 'round-robin');
    expect([await used(robin), await used(robin), await used(robin), await used(robin)].join('')).toBe(
      'abca',
    );
    const hash = new AdaptationStep('g', members, 'hash');
    const first = await used(hash);
    for (let i = 0; i < 5; i++) expect(await used(hash, `http://h.test/x?${i}`)).toBe(first);
    const all = new Set(
      await Promise.all(Array.from({ length: 50 }, (_, i) => used(hash, `http://h.test/${i}`))),
    );
    expect(all.size).toBe(3);
  });

  test('least-busy prefers who has less to do', async () => {
    let finish: () => void = () => {};
    const busy = service(
      'busy',
      (message) => new Promise((resolve) => (finish = () => resolve(unmodified(message)))),
    );
    const step = new AdaptationStep('g', [busy, service('idle', unmodified)], 'least-busy');
    const first = step.run(respmod(TEXT), DEFAULT_SPOOL);
    expect((await step.run(respmod(TEXT), DEFAULT_SPOOL)).service).toBe('idle');
    finish();
    expect((await first).service).toBe('busy');
  });
});

describe('a chain', () => {
  const input = (body: Body | null) => {
    const { request, response } = respmod(null);
    return {
      ...{ host: 'origin.test', request, response, body, clientIp: null, serverIp: null, user: null },
      cancellation: new Cancellation(),
    };
  };
  const planned = (...members: StepService[]) =>
    members.map((member) => ({
      steps: [new AdaptationStep(member.service.name, [member], 'failover')],
      when: null,
      stop: false,
    }));
  const pipelineOf = (respmod: ReturnType<typeof planned>) =>
    new AdaptationPipeline({ reqmod: [], respmod, spool: DEFAULT_SPOOL });
  const run = async (...members: StepService[]) => {
    const trace: StepTrace[] = [];
    const pipeline = pipelineOf(planned(...members));
    const output = await pipeline.run('RESPMOD', input(Body.of(TEXT)), trace);
    const body = output.body === null ? '' : (await collectBody(output.body, 1000)).toString();
    return { output, body, seen: trace.map(({ service: name, verdict }) => `${name} ${verdict}`) };
  };
  const page = (status: number, text: string): Adaptation => ({
    ...{ icapStatus: 200, request: null, icapHeaders: [], preview: null, body: Body.of(Buffer.from(text)) },
    response: { version: '1.1', status, reason: '', headers: [] },
  });

  test('K-70 gives the output of one service to the next', async () => {
    let second = '';
    const { output, body, seen } = await run(
      service('one', () => page(200, 'changed')),
      service('two', async (message) => {
        const { memory } = await message.body!.hold();
        second = memory!.toString();
        return unmodified(message);
      }),
    );
    expect(second).toBe('changed');
    expect(body).toBe('changed');
    expect(output).toMatchObject({ verdict: 'modified', threat: null });
    expect(seen).toEqual(['one modified', 'two allowed']);
  });

  test('K-70 goes on behind a service that is bypassed, and says so', async () => {
    const { output, body, seen } = await run(service('one', failing, 'bypass'), service('two', unmodified));
    expect(body).toBe(TEXT.toString());
    expect(output).toMatchObject({ verdict: 'bypassed', response: null });
    expect(seen).toEqual(['one bypassed', 'two allowed']);
  });

  test('K-50 ends at a block', async () => {
    const { output, body, seen } = await run(
      service('one', () => page(403, 'blocked')),
      service('two', failing),
    );
    expect(body).toBe('blocked');
    expect(output).toMatchObject({
      verdict: 'blocked',
      threat: { name: 'policy' },
      response: { status: 403 },
    });
    expect(seen).toEqual(['one blocked']);
  });

  test('stops at a service that fails and blocks, with its step in the trace', async () => {
    const trace: StepTrace[] = [];
    const pipeline = pipelineOf(planned(service('one', failing)));
    await expect(pipeline.run('RESPMOD', input(null), trace)).rejects.toBe(unavailable);
    expect(trace).toMatchObject([{ service: 'one', verdict: 'error' }]);
  });
});
