import { describe, expect, test } from '@jest/globals';
import { IcapError } from '../../../src/errors.ts';
import { Body, collectBody } from '../../../src/http/body.ts';
import { DEFAULT_SPOOL } from '../../../src/http/spool.ts';
import type { Adaptation, AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import type { PlannedRule } from '../../../src/proxy/adaptation/chain.ts';
import type { PipelineInput, PipelineOptions, StepTrace } from '../../../src/proxy/adaptation/pipeline.ts';
import { AdaptationPipeline } from '../../../src/proxy/adaptation/pipeline.ts';
import { RuleCondition } from '../../../src/proxy/adaptation/rules.ts';
import { AdaptationStep, type StepService } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';

const TEXT = Buffer.from('a page of some length');

type Answer = Partial<Adaptation> | 'fails' | 'is slow';
type Service = (message: AdaptationMessage) => Answer;

/** A service that is a function, for what needs no network; `{}` is "unmodified". */
function member(name: string, answer: Service, more: Partial<StepService> = {}): StepService {
  const adapt = (message: AdaptationMessage): Adaptation => {
    const given = answer(message);
    if (given === 'fails') throw new IcapError('ERR_ADAPT_UNAVAILABLE', 'not there');
    if (given === 'is slow') throw new IcapError('ERR_ADAPT_TIMEOUT', 'too slow');
    const unmodified = { icapStatus: 204, request: null, response: null, icapHeaders: [], preview: null };
    const body = given.request == null && given.response == null ? (message.body?.restream() ?? null) : null;
    return { ...unmodified, body, ...given };
  };
  const service = { name, available: true, remote: false, adapt, close() {} };
  return { service, onError: 'block', busy: 0, ...more };
}

const step = (name: string, answer: Service = () => ({}), more: Partial<StepService> = {}): AdaptationStep =>
  new AdaptationStep(name, [member(name, answer, more)], 'failover');

const NO_LIMIT = {
  ...{ hosts: [], paths: [], methods: [], types: [], clients: null, users: [], groups: [] },
  ...{ size: null, tls: null, query: null, not: null },
};
const rule = (
  steps: AdaptationStep[],
  when: Partial<ConstructorParameters<typeof RuleCondition>[0]> | null = null,
  stop = steps.length === 0,
): PlannedRule => ({
  steps,
  when: when === null ? null : new RuleCondition({ ...NO_LIMIT, ...when }, steps.length > 0),
  stop,
});

const input = (more: Partial<PipelineInput> = {}): PipelineInput => ({
  host: 'origin.test',
  request: { method: 'GET', target: 'http://origin.test/page', version: '1.1', headers: [] },
  response: { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Type', 'text/html'] },
  body: Body.of(TEXT),
  ...{ clientIp: null, serverIp: null, user: null, cancellation: new Cancellation() },
  ...more,
});

async function run(
  respmod: PlannedRule[],
  more: Partial<PipelineInput> = {},
  options: Partial<PipelineOptions> = {},
) {
  const pipeline = new AdaptationPipeline({ reqmod: [], respmod, spool: DEFAULT_SPOOL, ...options });
  const trace: StepTrace[] = [];
  const output = await pipeline.run('RESPMOD', input(more), trace);
  return { output, seen: trace.map(({ service }) => service) };
}

describe('rules', () => {
  test('K-70 all that match run in order; those that do not are left out', async () => {
    const rules = [
      rule([step('other host')], { hosts: ['x.test'] }),
      rule([step('one'), step('two')]),
      rule([step('three')], { types: ['text/*'] }),
    ];
    expect((await run(rules)).seen).toEqual(['one', 'two', 'three']);
  });

  test('one that stops is the last that counts', async () => {
    const rules = [rule([step('one')], { types: ['text/*'] }, true), rule([step('never')])];
    expect((await run(rules)).seen).toEqual(['one']);
  });

  test('one that uses nothing leaves the message out of what is behind it', async () => {
    const rules = [rule([], { hosts: ['origin.test'] }), rule([step('never')])];
    const { output, seen } = await run(rules);
    expect(seen).toEqual([]);
    expect((await collectBody(output.body!, 100)).equals(TEXT)).toBe(true);
  });

  test('K-70 more than 16 services for one message are refused, not skipped', async () => {
    const sixteen = Array.from({ length: 16 }, (_, index) => step(`s${index}`));
    expect((await run([rule(sixteen)])).seen).toHaveLength(16);
    await expect(run([rule([...sixteen, step('one more')])])).rejects.toMatchObject({
      code: 'ERR_ADAPT_CHAIN',
    });
  });

  test('K-51 rules behind a service that has changed the URL look at the new one', async () => {
    const moved = { method: 'GET', target: 'http://other.test/', version: '1.1', headers: [] };
    const reqmod = [
      rule([step('mover', () => ({ icapStatus: 200, request: moved }))]),
      rule([step('for the old')], { hosts: ['origin.test'] }),
      rule([step('for the new')], { hosts: ['other.test'] }),
    ];
    const pipeline = new AdaptationPipeline({ reqmod, respmod: [], spool: DEFAULT_SPOOL });
    const trace: StepTrace[] = [];
    const output = await pipeline.run('REQMOD', input({ response: null, body: null }), trace);
    expect(trace.map(({ service }) => service)).toEqual(['mover', 'for the new']);
    expect(output.request?.target).toBe('http://other.test/');
  });
});

describe('K-71 X-Next-Services', () => {
  const says = (value: string) => () => ({ icapHeaders: ['X-Next-Services', value] });
  const steps = new Map(['a', 'b', 'c'].map((name) => [name, step(name)]));
  const stepNamed = (name: string) => steps.get(name);
  const routed = (value: string, routing = true) =>
    run(
      [rule([step('router', says(value), { routing }), step('planned')]), rule([step('behind')])],
      {},
      { stepNamed },
    );

  test('replaces the rest of the plan', async () => {
    expect((await routed('b, a')).seen).toEqual(['router', 'b', 'a']);
  });

  test('with an empty value ends it', async () => {
    expect((await routed('')).seen).toEqual(['router']);
  });

  test('is ignored unless routing is enabled for the service', async () => {
    expect((await routed('b', false)).seen).toEqual(['router', 'planned', 'behind']);
  });

  test('that names something unknown fails the message', async () => {
    await expect(routed('a, nobody')).rejects.toMatchObject({
      code: 'ERR_ADAPT_PROTOCOL',
      message: expect.stringContaining('"nobody"'),
    });
  });

  test('cannot go round for ever', async () => {
    const circle = new Map<string, AdaptationStep>();
    circle.set('again', step('again', says('again'), { routing: true }));
    const rules = [rule([circle.get('again')!])];
    const going = run(rules, {}, { stepNamed: (name) => circle.get(name) });
    await expect(going).rejects.toMatchObject({ code: 'ERR_ADAPT_CHAIN' });
  });
});

test('K-72 shared fields of an answer go to every service behind it, of both points', async () => {
  const seen: unknown[] = [];
  const watcher: Service = ({ extraIcapHeaders }) => {
    seen.push(extraIcapHeaders);
    return { icapHeaders: ['X-Other', 'secret'] };
  };
  const first = step('first', () => ({ icapHeaders: ['x-icap-e2g', 'session=1', 'X-Private', 'no'] }));
  const pipeline = new AdaptationPipeline({
    reqmod: [rule([step('before', watcher), first, step('behind', watcher)])],
    respmod: [rule([step('response', watcher)])],
    spool: DEFAULT_SPOOL,
    share: ['X-ICAP-E2G'],
  });
  const shared = pipeline.newShared()!;
  await pipeline.run('REQMOD', input({ response: null, body: null, shared }), []);
  await pipeline.run('RESPMOD', input({ shared }), []);
  expect(seen).toEqual([undefined, ['X-ICAP-E2G', 'session=1'], ['X-ICAP-E2G', 'session=1']]);
});

describe('coverage', () => {
  const page: Adaptation['response'] = { version: '1.1', status: 403, reason: 'No', headers: [] };
  const changed: Adaptation['response'] = { version: '1.1', status: 200, reason: 'OK', headers: [] };
  const partial = (range: string): Partial<PipelineInput> => ({
    response: { version: '1.1', status: 206, reason: '', headers: ['Content-Range', range] },
  });
  const bypassing = { onError: 'bypass' } as const;

  test.each<[string, PlannedRule[], Partial<PipelineInput>, string]>([
    ['clean', [rule([step('s')])], {}, 'clean'],
    ['blocked', [rule([step('s', () => ({ icapStatus: 200, response: page }))])], {}, 'blocked'],
    ['modified', [rule([step('s', () => ({ icapStatus: 200, response: changed }))])], {}, 'modified'],
    ['no rule', [rule([step('s')], { hosts: ['x.test'] })], {}, 'policy'],
    ['left out', [rule([], { hosts: ['*'] })], {}, 'policy'],
    ['left out by size', [rule([step('s')], { size: { min: 0, max: 3 } })], {}, 'size'],
    ['left out by a rule on sizes', [rule([], { size: { min: 5, max: 1e9 } })], {}, 'size'],
    ['left out by type', [rule([step('s')], { types: ['image/*'] })], {}, 'type'],
    [
      'an event stream left out',
      [rule([], { types: ['text/event-stream'] })],
      { response: { ...changed, headers: ['Content-Type', 'text/event-stream'] } },
      'stream',
    ],
    ['ignored by the service', [rule([step('s', () => ({ ignored: true }))])], {}, 'type'],
    [
      'encrypted',
      [rule([step('s', () => ({ icapHeaders: ['X-Weir-Not-Scanned', 'encrypted'] }))])],
      {},
      'encrypted',
    ],
    [
      'too large to unpack',
      [rule([step('s', () => ({ icapHeaders: ['X-Weir-Not-Scanned', 'budget'] }))])],
      {},
      'size',
    ],
    ['service down', [rule([step('s', () => 'fails', bypassing), step('t')])], {}, 'service-down'],
    ['too slow', [rule([step('s', () => 'is slow', bypassing)])], {}, 'timeout'],
    ['a part', [rule([step('s')])], partial('bytes 5-9/10'), 'range'],
    ['parts', [rule([step('s')])], partial('none'), 'range'],
    ['a range that is the whole', [rule([step('s')])], partial('bytes 0-9/10'), 'clean'],
  ])('of a message: %s', async (_what, rules, more, expected) => {
    const { coverage } = (await run(rules, more)).output;
    expect(coverage?.reason ?? coverage?.state).toBe(expected);
  });

  test('says nothing of a message without a body that goes nowhere', async () => {
    expect((await run([rule([], {})], { body: null })).output.coverage).toBeNull();
  });

  test('that is missing blocks where the policy says so', async () => {
    const body = Body.of(TEXT);
    const going = run([rule([], { hosts: ['*'] })], { body }, { notScanned: { policy: 'block' } });
    await expect(going).rejects.toMatchObject({
      code: 'ERR_ADAPT_NOT_SCANNED',
      fields: { reason: 'policy' },
    });
    expect(body.settled).toBe(true);
    const other = run([rule([], { hosts: ['*'] })], {}, { notScanned: { size: 'block' } });
    await expect(other).resolves.toMatchObject({ output: { verdict: 'allowed' } });
  });

  test('of a failed service follows notScanned before onError, either way', async () => {
    const of = (answer: Answer, onError: 'block' | 'bypass', notScanned: object) => {
      const one = new AdaptationStep('s', [member('s', () => answer, { onError })], 'failover', {
        notScanned,
      });
      return run([rule([one])], {}, { notScanned });
    };
    await expect(of('fails', 'bypass', { 'service-down': 'block' })).rejects.toMatchObject({
      code: 'ERR_ADAPT_UNAVAILABLE',
    });
    await expect(of('is slow', 'bypass', { 'service-down': 'block' })).resolves.toBeTruthy();
    await expect(of('is slow', 'block', { timeout: 'allow' })).resolves.toMatchObject({
      output: { verdict: 'bypassed', coverage: { reason: 'timeout' } },
    });
  });
});
