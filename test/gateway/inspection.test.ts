import { expect, test } from '@jest/globals';
import { askInTime, inspect } from '../../src/gateway/inspection.ts';
import type { Blade, BladeMessage, ModifyVerdict } from '../../src/plugin/api.ts';
import { modify } from '../../src/plugin/api.ts';

const MESSAGE: BladeMessage = {
  ...{
    direction: 'response',
    method: 'GET',
    url: 'http://a.test/',
    request: null,
    response: null,
    body: null,
  },
  ...{ client: { ip: null, user: null, groups: [] }, server: { ip: null }, header: () => undefined },
};

test('a blade that does not answer in time fails with its name, and its signal is aborted with the same error', async () => {
  let reason: unknown = null;
  const blade = {
    name: 'slow',
    inspect: (_message: BladeMessage, signal: AbortSignal) =>
      new Promise<never>(() => {
        signal.addEventListener('abort', () => (reason = signal.reason));
      }),
  };
  const profile = {
    name: 'p',
    onError: 'block' as const,
    blades: { slow: { enabled: true, mode: 'inline' as const, timeoutMs: 20 } },
  };
  const failed = await inspect([blade], profile, MESSAGE, new AbortController().signal).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: 'ERR_SCAN_TIMEOUT', message: 'slow took longer than 20 ms' });
  expect(reason).toBe(failed);
});

const WAITS = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

test('a blade hears that the message is given up, and why', async () => {
  const given = new AbortController();
  const heard: unknown[] = [];
  const blade: Blade = {
    name: 'waits',
    inspect: (_message, signal) =>
      WAITS(signal).catch((reason: unknown) => {
        heard.push(reason);
        throw reason;
      }),
  };
  const asked = askInTime(blade, MESSAGE, given.signal, 60_000);
  const why = new Error('the client has gone');
  given.abort(why);
  await expect(asked).rejects.toBe(why);
  expect(heard).toEqual([why]);
});

test('a signal that outlives many questions keeps nothing of them', async () => {
  const { signal } = new AbortController();
  const blade: Blade = { name: 'quick', inspect: () => ({ kind: 'allow' }) };
  for (let question = 0; question < 20; question++) await askInTime(blade, MESSAGE, signal, 60_000);
  // Where node notes signals that were made of this one; nothing says how many from outside.
  const kept = Object.getOwnPropertySymbols(signal)
    .map((symbol) => (signal as unknown as Record<symbol, { readonly size?: number } | null>)[symbol])
    .filter((value) => (value?.size ?? 0) > 0);
  expect(kept).toEqual([]);
});

/** What comes of blades that change a response with the fields `A: 1, B: 2, Set-Cookie: x, Set-Cookie: y`. */
async function changed(
  onError: 'block' | 'allow',
  ...changes: ModifyVerdict[]
): Promise<{ readonly modified: ModifyVerdict | null; readonly verdicts: readonly string[] }> {
  const headers = ['A', '1', 'B', '2', 'Set-Cookie', 'x', 'Set-Cookie', 'y'];
  const response = { version: '1.1' as const, status: 200, reason: 'OK', headers };
  const blades: Blade[] = changes.map((change, index) => ({ name: `b${index}`, inspect: () => change }));
  const settings = { enabled: true, mode: 'inline' as const, timeoutMs: 1000 };
  const profile = {
    ...{ name: 'p', onError },
    blades: Object.fromEntries(blades.map(({ name }) => [name, settings])),
  };
  const { signal } = new AbortController();
  const { modified, trace } = await inspect(blades, profile, { ...MESSAGE, response }, signal);
  return { modified, verdicts: trace.map(({ verdict }) => verdict) };
}

const FIRST = modify({ headers: ['A', 'one', 'B', '2', 'Set-Cookie', 'x', 'Set-Cookie', 'y'] });
const CLEANED = modify({ body: Buffer.from('without macros') });

test('changes of several blades to different parts of a message go together, whichever comes first', async () => {
  const second = modify({ headers: ['A', '1', 'Set-Cookie', 'x', 'C', '3'] });
  const both = ['A', 'one', 'Set-Cookie', 'x', 'C', '3'];
  expect((await changed('block', FIRST, second)).modified?.headers).toEqual(both);
  const turned = (await changed('block', second, FIRST)).modified?.headers;
  expect([...turned!].sort()).toEqual([...both].sort());
  for (const order of [
    [CLEANED, FIRST],
    [FIRST, CLEANED],
  ])
    expect((await changed('block', ...order)).modified).toEqual({ ...FIRST, ...CLEANED });
});

test.each([
  ['the body', CLEANED, modify({ prefix: Buffer.from('banner') }), /changes the body of a message/],
  ['one field', FIRST, modify({ headers: ['A', 'two', 'B', '2'] }), /changes the field a of a message/],
  ['the target', modify({ target: 'http://a/' }), modify({ target: 'http://b/' }), /changes the target/],
])(
  'two blades that change %s fail the second one, and no change is lost in silence',
  async (_, one, two, why) => {
    await expect(changed('block', one, two)).rejects.toMatchObject({
      code: 'ERR_PLUGIN_FAILED',
      message: expect.stringMatching(why) as unknown,
    });
    expect(await changed('allow', one, two)).toEqual({ modified: one, verdicts: ['modify', 'error'] });
  },
);

test('two blades that make the same change are at one', async () => {
  expect((await changed('block', FIRST, FIRST)).modified).toEqual(FIRST);
});
