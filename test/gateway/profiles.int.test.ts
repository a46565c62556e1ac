// Profiles: which one a client gets, what its limits lead to, and what OPTIONS says of it. G-03, G-17 … G-22.

import { describe, expect, test } from '@jest/globals';
import { BUILT_IN_PROFILES } from '../../src/config/profiles.ts';
import { block } from '../../src/plugin/api.ts';
import type { BladeMessage, Verdict } from '../../src/plugin/api.ts';
import { OTHER_ADDRESS, startVerdictLab, TestBlade, testProfile } from './verdict-lab.ts';

const found = (): Verdict => block({ threat: 'Test.Threat', reason: 'found by a test' });
const istagOf = (answer: string): string => /ISTag: "([^"]*)"/.exec(answer)?.[1] ?? '';

test('G-17 basic, optimized and strict run Anti-Virus inline and Threat Emulation in the background', () => {
  expect([...BUILT_IN_PROFILES.keys()]).toEqual(['basic', 'optimized', 'strict']);
  for (const { blades, onError } of BUILT_IN_PROFILES.values()) {
    expect(onError).toBe('block');
    expect(blades).toMatchObject({
      antivirus: { enabled: true, mode: 'inline' },
      'threat-emulation': { enabled: true, mode: 'background' },
    });
  }
});

test('G-07 a profile without a blade passes everything, and OPTIONS and the record say so', async () => {
  const blade = new TestBlade('engine', found);
  const off = { engine: { enabled: false, timeoutMs: 1000 } };
  await using lab = await startVerdictLab({ profile: { blades: off }, blades: [blade] });
  expect(await lab.options()).toContain('Service: Weir gateway (no inspection)');
  const answer = await lab.respmod('evil');
  expect(answer.status).toBe(204);
  expect(answer.text).toContain('X-Weir-Not-Scanned: no blade');
  expect(lab.records).toMatchObject([{ verdict: 'allowed', blades: [] }]);
  expect(lab.gateway.idleServices).toEqual(['/scan']);
  expect(blade.asked).toHaveLength(0);
});

test('G-04 G-27 there are two outcomes: the page, and Continue as the client can take it', async () => {
  const blade = new TestBlade('engine', ({ body }) =>
    body!.memory!.includes('evil') ? found() : { kind: 'allow' },
  );
  await using lab = await startVerdictLab({ profile: {}, blades: [blade] });
  expect((await lab.respmod('good')).status).toBe(204);
  const same = await lab.respmod('good', { allow: '' });
  expect(same.status).toBe(200);
  expect(same.text).toContain('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n');
  expect(same.text).toContain('\r\n4\r\ngood\r\n0\r\n\r\n');
  const { text, status } = await lab.respmod('evil');
  expect(status).toBe(200);
  expect(text).toContain('X-Infection-Found: Type=0; Resolution=2; Threat=Test.Threat;');
  expect(text).toContain('HTTP/1.1 403 ');
  expect(text).toMatch(/Content-Type: text\/html/i);
  expect(text).toMatch(/Cache-Control: no-store/i);
  expect(text).toContain(lab.records.at(-1)!.id);
});

test('G-06 G-08 only blades that the profile enables are asked, and the one that is decides', async () => {
  const off = { one: { enabled: false, timeoutMs: 1000 } };
  const [one, two] = [new TestBlade('one', found), new TestBlade('two')];
  await using lab = await startVerdictLab({ profile: { blades: off }, blades: [one, two] });
  expect((await lab.respmod('x')).status).toBe(204);
  two.rules = '2';
  two.says(found);
  expect((await lab.respmod('x')).status).toBe(200);
  expect([one.asked.length, two.asked.length]).toEqual([0, 2]);
});

test('blocked requests are kept for a blade for content alone, unless the profile keeps all', async () => {
  const dlp = new TestBlade('dlp', found, 'message');
  const antivirus = new TestBlade('antivirus', ({ body }) =>
    body!.memory!.includes('virus') ? found() : { kind: 'allow' },
  );
  const blades = [antivirus, dlp];
  await using lab = await startVerdictLab({ profile: { quarantine: 'content' }, blades });
  await lab.reqmod('virus');
  await lab.told(1);
  await lab.reqmod('card number');
  await lab.told(2);
  await lab.respmod('download');
  await lab.told(3);
  await lab.reconfigure({ profile: { quarantine: 'all' }, blades });
  await lab.reqmod('card number');
  const kept = (await lab.told(4)).map(({ blade, quarantined }) => `${blade} ${quarantined}`);
  expect(kept).toEqual(['antivirus true', 'dlp false', 'dlp true', 'dlp true']);
});

describe('rules of a service', () => {
  const engine = new TestBlade('engine', ({ body }) =>
    body!.memory!.includes('evil') ? found() : { kind: 'allow' },
  );
  const lenient = testProfile({ name: 'lenient', blades: { engine: { enabled: false, timeoutMs: 1 } } }, []);
  const fast = testProfile({ name: 'fast', timeoutMs: 4000 }, [engine]);

  test('G-21 pick the profile by the user behind a trusted ICAP client', async () => {
    const rules = [
      { icapClients: [], clients: ['10.1.0.0/16'], profile: lenient },
      { icapClients: [], clients: ['10.2.0.0/16', '2001:db8::/32'], profile: fast },
    ];
    await using lab = await startVerdictLab({ profile: {}, blades: [engine], rules });
    const asked: [icap: string, status: number, profile: string | undefined][] = [
      ['X-Client-IP: 10.1.2.3\r\n', 204, undefined],
      ['X-Client-IP: 10.2.0.1\r\n', 200, 'fast'],
      ['X-Client-IP: 2001:db8::7\r\n', 200, 'fast'],
      ['X-Client-IP: 192.0.2.1\r\n', 200, 'test'],
      ['X-Client-IP: nonsense\r\n', 200, 'test'],
      ['', 200, 'test'],
    ];
    for (const [icap, status] of asked) expect((await lab.respmod('evil', { icap })).status).toBe(status);
    expect(lab.records.map(({ profile }) => profile)).toEqual(asked.map(([, , profile]) => profile));
    // One ICAP client has one ISTag, whoever is behind it, and OPTIONS says the same.
    const tags = new Set(
      await Promise.all(asked.map(async ([icap]) => (await lab.respmod('x', { icap })).istag)),
    );
    expect([...tags]).toEqual([istagOf(await lab.options())]);
  });

  (OTHER_ADDRESS === null ? test.skip : test)(
    'G-03 two ICAP clients at once get their own profile, ISTag and remembered verdicts',
    async () => {
      engine.asked.length = 0;
      const rules = [{ icapClients: ['127.0.0.0/8'], clients: [], profile: fast }];
      await using lab = await startVerdictLab({ profile: {}, blades: [engine], rules });
      const other = OTHER_ADDRESS!;
      const both = await Promise.all(
        Array.from({ length: 20 }, (_, n) => lab.respmod('evil', n % 2 === 0 ? {} : { host: other })),
      );
      const tags = [istagOf(await lab.options()), istagOf(await lab.options(other))];
      expect(tags[0]).not.toBe(tags[1]);
      for (const [n, answer] of both.entries()) {
        expect(answer.text).toContain('Test.Threat');
        expect(answer.istag).toBe(tags[n % 2]);
      }
      expect(engine.asked).toHaveLength(2); // once for each profile
      const profiles = lab.records.map(({ icapClient, profile }) => `${icapClient} ${profile}`);
      expect(new Set(profiles)).toEqual(new Set(['127.0.0.1 fast', `${other} test`]));
    },
  );

  test('G-22 S-16 a change of one profile moves the ISTag of those clients that may meet it', async () => {
    const rules = [{ icapClients: ['127.0.0.0/8'], clients: [], profile: fast }];
    const options = { profile: {}, blades: [engine], rules };
    await using lab = await startVerdictLab(options);
    const before = istagOf(await lab.options());
    await lab.reconfigure({ ...options, profile: { timeoutMs: 1234 } }); // not theirs
    expect(istagOf(await lab.options())).toBe(before);
    await lab.reconfigure({ ...options, rules: [{ ...rules[0]!, profile: { ...fast, maxSize: 99 } }] });
    const answer = await lab.respmod('x');
    expect(answer.istag).not.toBe(before);
    expect(answer.istag).toBe(istagOf(await lab.options()));
  });
});

describe('limits of a profile', () => {
  test.each([
    ['block', 500, 'ERR_SCAN_SIZE'],
    ['allow', 204, undefined],
  ] as const)('a body above maxSize, onError %s', async (onError, status, code) => {
    const blade = new TestBlade('engine', found);
    await using lab = await startVerdictLab({ profile: { onError, maxSize: 10 }, blades: [blade] });
    const answer = await lab.respmod('eleven byte');
    expect(answer.status).toBe(status);
    expect(answer.text.includes('X-Weir-Not-Scanned: size')).toBe(onError === 'allow');
    expect(lab.records[0]!.error?.code).toBe(code);
    expect(blade.asked).toHaveLength(0);
    expect((await lab.respmod('ten bytes!')).text).toContain('Test.Threat');
  });

  test('all blades together take no longer than timeout', async () => {
    const blade = new TestBlade('engine', (_, signal) => {
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    });
    await using lab = await startVerdictLab({ profile: { timeoutMs: 30 }, blades: [blade] });
    expect((await lab.respmod('x')).status).toBe(500);
    expect(lab.records[0]!.error).toMatchObject({ code: 'ERR_SCAN_TIMEOUT' });
  });

  test('depth is told to blades', async () => {
    const depths: unknown[] = [];
    const blade = new TestBlade('engine', ({ limits }: BladeMessage) => {
      depths.push(limits);
      return { kind: 'allow' };
    });
    await using lab = await startVerdictLab({ profile: { depth: 3 }, blades: [blade] });
    await lab.respmod('x');
    expect(depths).toEqual([{ depth: 3 }]);
  });
});
