// Background: the message passes, the verdict comes afterwards, and the same content is stopped from then on.

import { expect, test } from '@jest/globals';
import { block } from '../../../src/plugin/api.ts';
import type { Verdict } from '../../../src/plugin/api.ts';
import { deferred, startVerdictLab, TestBlade } from '../verdict-lab.ts';

const found = (): Verdict =>
  block({ threat: 'Test.Dropper', severity: 'critical', reason: 'it drops files' });
const BACKGROUND = { emulation: { enabled: true, mode: 'background' as const, timeoutMs: 5000 } };
const HOLD = { emulation: { enabled: true, mode: 'hold' as const, timeoutMs: 5000 } };

test('G-18 releases the message at once, tells who got it, and blocks the same content afterwards', async () => {
  const verdict = deferred<Verdict>();
  const blade = new TestBlade('emulation', () => verdict.promise);
  await using lab = await startVerdictLab({
    profile: { blades: BACKGROUND, quarantine: 'content' },
    blades: [blade],
  });
  const alice = 'X-Client-IP: 10.0.0.1\r\nX-Authenticated-User: alice\r\n';
  const body = Buffer.alloc(90_000, 'sample'); // in a spool file, which goes with its message
  expect((await lab.respmod(body, { icap: alice, path: '/first' })).status).toBe(204);
  expect((await lab.respmod(body, { icap: 'X-Client-IP: 10.0.0.2\r\n' })).status).toBe(204);
  expect(lab.records.map(({ blades }) => blades)).toMatchObject([
    [{ name: 'emulation', verdict: 'background' }],
    [{ name: 'emulation', verdict: 'background' }],
  ]);
  verdict.resolve(found());
  const [incident] = await lab.told(1);
  expect(incident).toMatchObject({
    kind: 'background',
    id: lab.records[0]!.id,
    threat: 'Test.Dropper',
    severity: 'critical',
    blade: 'emulation',
    url: 'http://a.test/first',
    quarantined: true,
    recipients: [
      { client: '10.0.0.1', user: 'alice', url: 'http://a.test/first' },
      { client: '10.0.0.2', user: null, url: 'http://a.test/' },
    ],
    moreRecipients: 0,
  });
  const alert = lab.events.find(({ message }) => message.includes('passed already'));
  expect(alert).toMatchObject({ level: 'warn', fields: { recipients: incident!.recipients } });
  expect((await lab.respmod(body)).text).toContain(
    'X-Infection-Found: Type=0; Resolution=2; Threat=Test.Dropper;',
  );
  expect(blade.asked).toHaveLength(1);
  expect(await quarantined(lab.folder.path, incident!.id)).toEqual(body);
});

test('content that was clean is not judged in the background again', async () => {
  const blade = new TestBlade('emulation');
  await using lab = await startVerdictLab({ profile: { blades: BACKGROUND }, blades: [blade] });
  await lab.respmod('good');
  await until(() => lab.gateway.background.running === 0);
  await lab.respmod('good');
  expect(blade.asked).toHaveLength(1);
  expect(lab.records[1]!.blades).toEqual([{ name: 'emulation', verdict: 'allow', ms: 0, cached: true }]);
});

test('what finds no room passes without, which is logged', async () => {
  const verdict = deferred<Verdict>();
  const blade = new TestBlade('emulation', () => verdict.promise);
  await using lab = await startVerdictLab({
    profile: { blades: BACKGROUND },
    blades: [blade],
    background: { queue: 1 },
  });
  for (const body of ['runs', 'waits', 'too many']) expect((await lab.respmod(body)).status).toBe(204);
  expect(lab.gateway.background).toMatchObject({ waiting: 1, running: 1, bytes: 9 });
  expect(lab.records.map(({ blades }) => blades[0]!.verdict)).toEqual([
    'background',
    'background',
    'dropped',
  ]);
  expect(lab.events).toMatchObject([{ level: 'warn', message: expect.stringContaining('too many wait') }]);
  verdict.resolve({ kind: 'allow' });
  await until(() => lab.gateway.background.running === 0);
  expect(lab.gateway.background).toEqual({ waiting: 0, running: 0, bytes: 0 });
});

test('a blade that fails in the background is logged, and asked again with the next message', async () => {
  const blade = new TestBlade('emulation', () => Promise.reject(new Error('no sandbox')));
  await using lab = await startVerdictLab({ profile: { blades: BACKGROUND }, blades: [blade] });
  for (let message = 1; message <= 2; message++) {
    expect((await lab.respmod('same')).status).toBe(204);
    await until(() => lab.gateway.background.running === 0);
    expect(blade.asked).toHaveLength(message);
  }
  expect(lab.events[0]).toMatchObject({ message: 'emulation failed in the background: no sandbox' });
});

test('a message that an inline blade still works on is blocked when the background verdict comes first', async () => {
  const verdicts = [deferred<Verdict>(), deferred<Verdict>()];
  const emulation = new TestBlade('emulation', () => verdicts[0]!.promise);
  const slow = new TestBlade('slow', () => ({ kind: 'allow' }), 'message');
  await using lab = await startVerdictLab({ profile: { blades: BACKGROUND }, blades: [emulation, slow] });
  await lab.respmod('sample');
  slow.says(() => verdicts[1]!.promise);
  const second = lab.respmod('sample');
  await until(() => slow.asked.length === 2);
  verdicts[0]!.resolve(found());
  expect(await lab.told(1)).toMatchObject([{ recipients: [{}], moreRecipients: 0 }]);
  verdicts[1]!.resolve({ kind: 'allow' });
  expect((await second).text).toContain('Test.Dropper');
  expect(emulation.asked).toHaveLength(1);
});

test('a reload leaves a blade open until its background work is done', async () => {
  const verdict = deferred<Verdict>();
  const blade = new TestBlade('emulation', () => verdict.promise);
  await using lab = await startVerdictLab({ profile: { blades: BACKGROUND }, blades: [blade] });
  await lab.respmod('same');
  let free = false;
  const replaced = lab.reconfigure({ profile: {}, blades: [] }).then(() => (free = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(free).toBe(false);
  verdict.resolve(found());
  await replaced;
  expect(lab.incidents).toHaveLength(1);
});

test('G-19 Hold answers nothing before the verdict, and asks inline blades first', async () => {
  const verdict = deferred<Verdict>();
  const emulation = new TestBlade('emulation', () => verdict.promise);
  const antivirus = new TestBlade('antivirus');
  await using lab = await startVerdictLab({ profile: { blades: HOLD }, blades: [emulation, antivirus] });
  let answered = false;
  const answer = lab.respmod('sample').then((it) => {
    answered = true;
    return it;
  });
  await until(() => emulation.asked.length === 1);
  expect([antivirus.asked.length, answered]).toEqual([1, false]);
  verdict.resolve(found());
  expect((await answer).text).toContain('Test.Dropper');
  expect(lab.records[0]!.blades.map(({ name }) => name)).toEqual(['antivirus', 'emulation']);
});

async function quarantined(folder: string, id: string): Promise<Buffer> {
  const { Quarantine } = await import('../../../src/gateway/quarantine/quarantine.ts');
  const limits = { folder: `${folder}/quarantine`, maxBytes: 1e6, maxAgeMs: 1e9, maxFile: 1e6 };
  const chunks: Buffer[] = [];
  for await (const chunk of await new Quarantine(limits).open(id)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Turns of the event loop until it holds; jest's own limit ends a wait that is in vain. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
