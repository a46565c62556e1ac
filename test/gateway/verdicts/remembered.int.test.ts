// Verdicts that are remembered: by content and rules, over a restart, between processes, and made once for
// many messages at a time.

import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { block } from '../../../src/plugin/api.ts';
import type { Verdict } from '../../../src/plugin/api.ts';
import { deferred, startVerdictLab, TestBlade } from '../verdict-lab.ts';

const found = (): Verdict => block({ threat: 'Test.Threat', reason: 'found by a test' });

describe('content that was judged', () => {
  test('G-18 is not judged again, clean or blocked, and the record says that the verdict was known', async () => {
    const blade = new TestBlade('engine', ({ body }) =>
      body!.memory!.includes('evil') ? found() : { kind: 'allow' },
    );
    await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
    expect((await lab.respmod('good')).status).toBe(204);
    expect((await lab.respmod('good', { path: '/elsewhere' })).status).toBe(204);
    expect((await lab.respmod('evil')).text).toContain('Test.Threat');
    expect((await lab.respmod('evil', { path: '/elsewhere' })).text).toContain('Test.Threat');
    expect(blade.asked).toHaveLength(2);
    expect(lab.records.map(({ verdict, blades }) => [verdict, blades[0]!.cached])).toEqual([
      ['allowed', undefined],
      ['allowed', true],
      ['blocked', undefined],
      ['blocked', true],
    ]);
    expect(await lab.told(2)).toMatchObject([{ cached: false }, { cached: true }]);
  });

  test.each([
    ['another Content-Type', { type: 'text/html' }],
    ['another body', { body: 'other' }],
  ])('is judged again with %s', async (_, { body = 'same', ...more }: { body?: string; type?: string }) => {
    const blade = new TestBlade('engine');
    await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
    await lab.respmod('same');
    await lab.respmod(body, more);
    expect(blade.asked).toHaveLength(2);
  });

  test('S-16 G-22 is judged again once the rules of the blade or the profile have changed, under another ISTag', async () => {
    const blade = new TestBlade('engine');
    await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
    const tags = [(await lab.respmod('same')).istag];
    blade.rules = '2';
    tags.push((await lab.respmod('same')).istag);
    await lab.reconfigure({ profile: { timeoutMs: 4000 }, blades: [blade] });
    tags.push((await lab.respmod('same')).istag);
    expect(blade.asked).toHaveLength(3);
    expect(new Set(tags).size).toBe(3);
    blade.rules = '1';
    await lab.reconfigure({ profile: {}, blades: [blade] });
    const back = await lab.respmod('same');
    expect(blade.asked).toHaveLength(3); // the first verdict is still known
    expect(back.istag).toBe(tags[0]);
  });

  test('is judged each time by a blade that judges messages, and where the profile says cache: false', async () => {
    const content = new TestBlade('content');
    const message = new TestBlade('message', undefined, 'message');
    await using lab = await startVerdictLab({ profile: {}, blades: [content, message] });
    await lab.respmod('same');
    await lab.respmod('same');
    expect([content.asked.length, message.asked.length]).toEqual([1, 2]);
    await lab.reconfigure({ profile: { cache: false }, blades: [content, message] });
    await lab.respmod('same');
    await lab.respmod('same');
    expect([content.asked.length, message.asked.length]).toEqual([3, 4]);
  });

  test('is judged once for each place and name by a blade that judges the context, over a restart, too', async () => {
    const blade = new TestBlade('emulation', undefined, 'context');
    await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
    await lab.respmod('same');
    await lab.respmod('same');
    expect(blade.asked).toHaveLength(1);
    await lab.respmod('same', { path: '/elsewhere' });
    await lab.respmod('same', { disposition: 'attachment; filename=run.js' });
    expect(blade.asked).toHaveLength(3);
    blade.says(found);
    expect((await lab.respmod('other')).text).toContain('Test.Threat');
    expect((await lab.respmod('same')).status).toBe(204);
    expect(blade.asked).toHaveLength(4);
    await lab.gateway.close(0);
    await using next = await startVerdictLab({ profile: {}, blades: [blade], folder: lab.folder });
    expect((await next.respmod('other')).text).toContain('Test.Threat');
    expect(blade.asked).toHaveLength(4);
  });

  test('is judged again where a blade has failed, or has not seen into it', async () => {
    const blade = new TestBlade('engine', () => ({ kind: 'allow', notScanned: 'encrypted' }));
    await using lab = await startVerdictLab({ profile: { onError: 'allow' }, blades: [blade] });
    await lab.respmod('same');
    blade.says(() => Promise.reject(new Error('broken')));
    await lab.respmod('same');
    blade.says(found);
    expect((await lab.respmod('same')).text).toContain('Test.Threat');
    expect(blade.asked).toHaveLength(3);
  });
});

test('a body that went to a spool file has the hash of its bytes, and is known in memory as well', async () => {
  const blade = new TestBlade('engine', found);
  await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
  const body = Buffer.alloc(90_000, 'x'); // more than waits in the queue of a body
  expect((await lab.respmod(body)).status).toBe(200);
  expect(blade.asked[0]!.body!.file).not.toBeNull();
  const sha256 = createHash('sha256').update(body).digest('hex');
  expect(await lab.told(1)).toMatchObject([{ sha256, bytes: 90_000, kind: 'block', blade: 'engine' }]);
});

test('verdicts survive a restart, and reach a gateway that runs beside; quick clean ones only the memory', async () => {
  const blade = new TestBlade('engine', async ({ body }) => {
    if (body!.memory!.includes('evil')) return found();
    if (body!.memory!.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 10));
    return { kind: 'allow' };
  });
  const options = { profile: {}, blades: [blade] };
  await using first = await startVerdictLab(options);
  await using beside = await startVerdictLab({ ...options, folder: first.folder });
  await beside.respmod('warm');
  for (const body of ['evil', 'slow', 'quick']) await first.respmod(body);
  await first.gateway.close(0); // everything is written out
  expect(blade.asked).toHaveLength(4);
  expect((await beside.respmod('evil')).text).toContain('Test.Threat');
  await using later = await startVerdictLab({ ...options, folder: first.folder });
  expect((await later.respmod('evil')).text).toContain('Test.Threat');
  expect((await later.respmod('slow')).status).toBe(204);
  expect(blade.asked).toHaveLength(4);
  await later.respmod('quick');
  expect(blade.asked).toHaveLength(5);
});

describe('the same content in many messages at a time', () => {
  test('is judged once, and all get the verdict', async () => {
    const verdict = deferred<Verdict>();
    const blade = new TestBlade('engine', () => verdict.promise);
    await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
    const answers = Array.from({ length: 8 }, (_, n) => lab.respmod('same', { path: `/${n}` }));
    await until(() => blade.asked.length === 1 && lab.gateway.load.busy === 8);
    verdict.resolve(found());
    for (const answer of await Promise.all(answers)) expect(answer.text).toContain('Test.Threat');
    expect(blade.asked).toHaveLength(1);
  });

  test('is judged for those that wait when it fails for the first', async () => {
    const failure = deferred<Verdict>();
    const blade = new TestBlade('engine', () => failure.promise);
    await using lab = await startVerdictLab({ profile: { onError: 'allow' }, blades: [blade] });
    const first = lab.respmod('same');
    await until(() => blade.asked.length === 1);
    blade.says(found);
    const second = lab.respmod('same');
    await until(() => lab.gateway.load.busy === 2);
    failure.resolve(Promise.reject(new Error('broken')) as unknown as Verdict);
    expect((await first).status).toBe(204);
    expect((await second).text).toContain('Test.Threat');
    expect(blade.asked).toHaveLength(2);
  });
});

/** Turns of the event loop until it holds; jest's own limit ends a wait that is in vain. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
