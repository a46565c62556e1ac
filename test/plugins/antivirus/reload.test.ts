// What a reload relies on: rules that are tried before they judge, paths that are told, a fingerprint that
// follows clamd, and nothing left behind by a set-up that failed or was closed.

import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { canary } from '../../../plugins/antivirus/canary.ts';
import { eicar } from '../../support/eicar.ts';
import { tempDir } from '../../support/tempDir.ts';
import { antivirusBlade } from './blade-support.ts';

describe('rules of the user', () => {
  test('are watched by their absolute paths', async () => {
    await using folder = await tempDir();
    await using av = await antivirusBlade({ rules: [folder.path] });
    expect(av.watched).toEqual([folder.path]);
    await using alone = await antivirusBlade();
    expect(alone.watched).toEqual([]);
  });

  test.each([
    ['a global rule that matches nothing', 'global rule None { condition: false }'],
    ['a global rule about something else', 'global rule Large { condition: filesize > 1MB }'],
  ])('are refused when %s hides the EICAR test file', async (_name, source) => {
    await using folder = await tempDir();
    await folder.write('mine.yar', source);
    await expect(antivirusBlade({ rules: [folder.path] })).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringMatching(/EICAR .*global/),
    });
  });

  test('may be global where they hide nothing', async () => {
    await using folder = await tempDir();
    await folder.write('mine.yar', 'global rule Any { condition: filesize > 0 }');
    await using av = await antivirusBlade({ rules: [folder.path] });
    expect(await av.inspect(eicar())).toMatchObject({ kind: 'block' });
  });
});

test('the canary is the EICAR test file', () => {
  expect(canary().equals(eicar())).toBe(true);
});

test('two blades beside each other judge by their own rules, and closing one leaves the other', async () => {
  await using folder = await tempDir();
  await folder.write('mine.yar', 'rule Mine { strings: $a = "zebra" condition: $a }');
  const before = await antivirusBlade({ rules: [folder.path] });
  await folder.write('mine.yar', 'rule Mine { strings: $a = "giraffe" condition: $a }');
  await using after = await antivirusBlade({ rules: [folder.path] });
  const kinds = (body: string) =>
    Promise.all([before, after].map(async (av) => (await av.inspect(Buffer.from(body))).kind));
  expect(await kinds('a zebra')).toEqual(['block', 'allow']);
  expect(await kinds('a giraffe')).toEqual(['allow', 'block']);
  expect(before.blade.fingerprint!()).not.toBe(after.blade.fingerprint!());
  await before[Symbol.asyncDispose]();
  expect(await after.inspect(Buffer.from('a giraffe'))).toMatchObject({ kind: 'block' });
});

describe('the version of clamd', () => {
  /** A server that answers VERSION with what `version` is then; nothing while that is null. */
  async function clamdWith(first: string | null) {
    const state = { version: first, asked: 0 };
    const asked: (() => void)[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        state.asked++;
        if (state.version === null) socket.destroy();
        else socket.end(`${state.version}\0`);
        for (const resolve of asked.splice(0)) resolve();
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return {
      state,
      options: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, versionInterval: 10 },
      /** Resolves when it has been asked twice more, so that the answer to the first has arrived. */
      async askedAgain() {
        for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => asked.push(resolve));
      },
      async [Symbol.asyncDispose]() {
        await once(server.close(), 'close');
      },
    };
  }

  test('S-16 is asked for again and again, and changes the fingerprint', async () => {
    await using clamd = await clamdWith('ClamAV 1.4.3/27600/Mon Jun  1 10:00:00 2026');
    await using av = await antivirusBlade({ clamd: clamd.options });
    const before = av.blade.fingerprint!();
    await clamd.askedAgain();
    expect(av.blade.fingerprint!()).toBe(before);
    clamd.state.version = 'ClamAV 1.4.3/27601/Tue Jun  2 10:00:00 2026';
    await clamd.askedAgain();
    expect(av.blade.fingerprint!()).not.toBe(before);
    clamd.state.version = 'ClamAV 1.4.3/27600/Mon Jun  1 10:00:00 2026';
    await clamd.askedAgain();
    expect(av.blade.fingerprint!()).toBe(before);
  });

  test('stays the last one known while clamd does not answer, which is said once', async () => {
    await using clamd = await clamdWith('ClamAV 1.4.3/27600/Mon');
    await using av = await antivirusBlade({ clamd: clamd.options });
    const before = av.blade.fingerprint!();
    clamd.state.version = null;
    await clamd.askedAgain();
    await clamd.askedAgain();
    expect(av.blade.fingerprint!()).toBe(before);
    expect(av.warnings).toEqual(['clamd does not answer']);
  });

  test('is not asked for any more when the blade is closed', async () => {
    await using clamd = await clamdWith('ClamAV 1.4.3/27600/Mon');
    await using other = await clamdWith('ClamAV 1.4.3/27600/Mon');
    const av = await antivirusBlade({ clamd: clamd.options });
    await av[Symbol.asyncDispose]();
    const { asked } = clamd.state;
    await using still = await antivirusBlade({ clamd: other.options });
    for (let i = 0; i < 3; i++) await other.askedAgain(); // a clock of the same pace
    expect(clamd.state.asked).toBeLessThanOrEqual(asked + 1); // one may have been on its way
    expect(still.warnings).toEqual([]);
  });
});
