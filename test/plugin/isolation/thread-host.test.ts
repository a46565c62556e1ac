// What an isolated plugin brings beside blades, services and hooks, asked through its thread as dashboard, log-in
// and `weir report` ask; and what it finds of other plugins.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { BladeMessage, Verdict } from '../../../src/plugin/api.ts';
import { closePlugins, loadPlugins, type LoadedPlugin } from '../../../src/plugin/loader.ts';
import { panelView } from '../../../src/plugin/panel-view.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';

const APART = `
import { Readable } from 'node:stream';
let asked = 0;
let over = 0;
let print = 'first';
export default { [Symbol.for('weir.plugin')]: 1, name: 'apart', version: '1', setup(ctx) {
  ctx.panel({ id: 'counts', title: 'Counts', data: () => ({ parts: [{ kind: 'text', text: [asked, over].join(' ') }] }) });
  ctx.panel({ id: 'broken', title: 'Broken', data: () => { throw new Error('no figures'); } });
  ctx.panel({ id: 'endless', title: 'Endless', data: () => { for (;;); } });
  ctx.reports({
    find: async (id) => (id === 'known' ? { id, at: '2026-01-01T00:00:00Z' } : null),
    latest: async (count) => ['known', 'other'].slice(0, count),
  });
  ctx.authenticator({ scheme: 'Legs', parameters: 'realm="r"', timeoutMs: 900, begin(client) {
    let leg = 0;
    return {
      step(token) {
        leg++;
        if (token === 'exit') process.exit(1);
        if (token === 'throw') throw new Error('no luck');
        return token === 'last' ? { kind: 'identity', identity: { user: client + ' ' + leg } } : { kind: 'challenge', token: 'leg ' + leg };
      },
      close() { over++; },
    };
  } });
  ctx.blade({ name: 'apart', fingerprint: () => print, async inspect(message, signal) {
    asked++;
    print = 'second';
    const peer = ctx.findBlade(message.url.split('/').at(-1));
    if (peer === null) return { kind: 'allow', notScanned: 'no such blade' };
    const made = Buffer.from('made of it');
    return peer.inspect({ ...message, body: { size: made.length, memory: null, file: null, stream: () => Readable.from([made]) } }, signal);
  } });
} };`;

const NEIGHBOUR = `
export default { [Symbol.for('weir.plugin')]: 1, name: 'neighbour', version: '1', setup(ctx) {
  ctx.blade({ name: 'here', inspect: ({ body, header }) => ({ kind: 'modify', body: Buffer.from(header('host') + ': ' + body.memory) }) });
  ctx.blade({ name: 'failing', inspect: () => { throw new Error('not today'); } });
} };`;

let dir: TempDir;
let loaded: LoadedPlugin[];
let apart: LoadedPlugin;

beforeAll(async () => {
  dir = await tempDir();
  const entries = [
    { use: await dir.write('neighbour.mjs', NEIGHBOUR), with: {}, resolveFrom: dir.path },
    {
      ...{ use: await dir.write('apart.mjs', APART), with: {}, resolveFrom: dir.path },
      isolate: 32 * 1024 * 1024,
    },
  ];
  const log = pino({ level: 'silent' });
  loaded = await loadPlugins(entries, { log, onBlade: () => {} });
  apart = loaded[1]!;
});

afterAll(async () => {
  await closePlugins(loaded);
  await dir[Symbol.asyncDispose]();
});

const signal = new AbortController().signal;
const begin = (client: string) => apart.authenticators[0]!.authenticator.begin(client);

async function inspect(wanted: string): Promise<Verdict> {
  const message: BladeMessage = {
    ...{ direction: 'request' as const, method: 'POST', url: `http://a.test/${wanted}`, response: null },
    request: { method: 'POST', target: '/', version: '1.1', headers: ['Host', 'a.test'] },
    client: { ip: null, user: null, groups: [] },
    server: { ip: null },
    body: null,
    header: () => undefined,
  };
  return await apart.blades[0]!.inspect(message, signal);
}

describe('an isolated plugin', () => {
  test('finds blades of other plugins, which judge what it makes of a message', async () => {
    const verdict = await inspect('here');
    expect(verdict.kind === 'modify' && String(verdict.body)).toBe('a.test: made of it');
    expect(await inspect('absent')).toEqual({ kind: 'allow', notScanned: 'no such blade' });
    await expect(inspect('failing')).rejects.toMatchObject({ message: 'blade failing: not today' });
  });

  test('changes its fingerprint, and the process has the new one', async () => {
    const fingerprint = (): string => apart.blades[0]!.fingerprint!();
    while (!fingerprint().startsWith('second')) await new Promise(setImmediate);
    expect(fingerprint()).toMatch(/^second [0-9a-f]{16}$/);
  });

  test('shows its panels; one that fails or loops says so in the time of a panel', async () => {
    const [counts, broken, endless] = apart.panels;
    expect(counts).toMatchObject({ id: 'counts', title: 'Counts' });
    expect(await panelView(counts!)).toEqual({ parts: [{ kind: 'text', text: '3 0' }] });
    await expect(panelView(broken!)).rejects.toMatchObject({
      code: 'ERR_PLUGIN_FAILED',
      message: expect.stringContaining('no figures'),
    });
    await expect(panelView(endless!)).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
  });

  test('tells of its reports', async () => {
    const [source] = apart.reports;
    expect(await source!.find('known')).toMatchObject({ id: 'known' });
    expect(await source!.find('unknown')).toBeNull();
    expect(await source!.latest(1)).toEqual(['known']);
  });

  test('leads dialogues of several legs, each with what it knows of the legs before', async () => {
    expect(apart.authenticators[0]).toMatchObject({ plugin: 'apart', scheme: 'Legs' });
    expect(apart.authenticators[0]!.authenticator).toMatchObject({
      parameters: 'realm="r"',
      timeoutMs: 900,
    });
    const [one, other] = [begin('one'), begin('other')];
    expect(await one.step('a', signal)).toEqual({ kind: 'challenge', token: 'leg 1' });
    expect(await other.step('last', signal)).toEqual({ kind: 'identity', identity: { user: 'other 1' } });
    expect(await one.step('last', signal)).toEqual({ kind: 'identity', identity: { user: 'one 2' } });
    one.close!();
    const shown = await panelView(apart.panels[0]!);
    expect(shown).toMatchObject({ parts: [{ text: expect.stringMatching(/ 1$/) }] });
    await expect(begin('c').step('throw', signal)).rejects.toMatchObject({ message: 'no luck' });
  });

  test('lets nobody in whose dialogue was in a thread that is gone, and begins others anew', async () => {
    const [lost, guilty] = [begin('lost'), begin('guilty')];
    await lost.step('a', signal);
    await expect(guilty.step('exit', signal)).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
    await expect(lost.step('last', signal)).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
    expect(await begin('new').step('last', signal)).toMatchObject({ identity: { user: 'new 1' } });
  });
});
