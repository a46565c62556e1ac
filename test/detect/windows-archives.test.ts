// Installer packages, compiled help files and ARJ archives: good, nested, encrypted, cut off, damaged, and bombs.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { zipOf } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { helpFile } from './help-file.ts';
import { kinds, seen } from './seen.ts';

const MIB = 2 ** 20;
const LINES = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('');
const NOISE = randomBytes(20_000);
const MIXED = Buffer.concat([
  NOISE,
  NOISE,
  Buffer.alloc(90_000, 'r'),
  Buffer.from(LINES),
  NOISE.subarray(0, 999),
]);

let folder: TempDir;
const run = (command: string, ...args: string[]): void =>
  void execFileSync(command, args, { cwd: folder.path, stdio: 'ignore' });
const file = (name: string): Promise<Buffer> => readFile(folder.join(name));

beforeAll(async () => {
  folder = await tempDir();
  await folder.write('lines.txt', LINES);
  await folder.write('mixed.bin', MIXED);
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** No damage of single bytes may throw or hang. */
async function survivesDamage(whole: Buffer): Promise<void> {
  for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 60)) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 0x5a;
    await seen(damaged);
  }
}

describeWithPeer(['arj'], () => {
  beforeAll(() => {
    for (const method of [0, 1, 2, 3, 4])
      run('arj', 'a', `-m${method}`, `m${method}.arj`, 'mixed.bin', 'lines.txt');
    run('arj', 'a', '-gsecret', 'secret.arj', 'lines.txt');
  });

  test.each([0, 1, 2, 3, 4])(
    'opens ARJ archives of method %i to the byte, plain and in a zip',
    async (method) => {
      const bytes = await file(`m${method}.arj`);
      const { contents, troubles } = await seen(zipOf([{ name: 'in.arj', data: bytes }]));
      expect(contents['in.arj!/lines.txt']).toBe(LINES);
      expect(contents['in.arj!/mixed.bin'] === MIXED.toString('latin1')).toBe(true);
      expect(troubles).toEqual([]);
    },
  );

  test('names ARJ members that are encrypted, cut off, damaged, and bombs', async () => {
    expect(await seen(await file('secret.arj'))).toEqual({
      contents: {},
      troubles: [{ kind: 'encrypted', path: 'lines.txt', detail: 'arj member is encrypted' }],
    });
    const whole = await file('m1.arj');
    const cut = await seen(whole.subarray(0, 30_000));
    expect(kinds(cut)).toEqual(['malformed']);
    expect(MIXED.toString('latin1').startsWith(cut.contents['mixed.bin']!)).toBe(true);
    expect(cut.contents['mixed.bin']!.length).toBeGreaterThan(15_000);
    await folder.write('zeros', Buffer.alloc(24 * MIB));
    run('arj', 'a', '-m1', 'bomb.arj', 'zeros');
    expect(kinds(await seen(await file('bomb.arj')))).toEqual(['budget']);
    await survivesDamage(whole);
  });
});

describeWithPeer(['msibuild', 'gcab'], () => {
  const TABLE = [
    'Action\tType\tSource\tTarget',
    's72\ti2\tS72\tS255',
    'CustomAction\tAction',
    'Inline\t37\t\tvar inline = 1;',
    'Stream\t6\tSetup\tMain',
    'Value\t54\tCODE\t',
    'Program\t34\tTARGETDIR\tcmd.exe /c whoami',
  ].join('\n');
  beforeAll(async () => {
    await folder.write('CustomAction.idt', `${TABLE}\n`);
    await folder.write(
      'Property.idt',
      'Property\tValue\ns72\tl0\nProperty\tProperty\nCODE\tMsgBox "of a property"\n',
    );
    await folder.write('Binary.idt', 'Name\tData\ns72\tv0\nBinary\tName\nSetup\tSetup.ibd\n');
    await mkdir(folder.join('Binary'));
    await folder.write('Binary/Setup.ibd', 'MsgBox "of a stream"');
    run('gcab', '-c', '-z', 'data.cab', 'lines.txt');
    run('msibuild', 'setup.msi', '-i', 'CustomAction.idt', '-i', 'Property.idt', '-i', 'Binary.idt');
    run('msibuild', 'setup.msi', '-a', 'data.cab', 'data.cab');
  });

  test('opens installer packages: cabinets, and scripts of custom actions wherever they stand', async () => {
    const { contents, troubles } = await seen(zipOf([{ name: 's.msi', data: await file('setup.msi') }]));
    expect(contents).toMatchObject({
      's.msi!/data.cab!/lines.txt': LINES,
      's.msi!/CustomAction.Inline.js': 'var inline = 1;',
      's.msi!/CustomAction.Value.vbs': 'MsgBox "of a property"',
      's.msi!/Binary.Setup.vbs': 'MsgBox "of a stream"',
    });
    expect(Object.keys(contents).filter((name) => name.includes('Program'))).toEqual([]);
    expect(troubles).toEqual([]);
  });

  test('names installer packages that are cut off, and scripts beyond the budget', async () => {
    const whole = await file('setup.msi');
    expect(kinds(await seen(whole.subarray(0, whole.length - 1500)))).toContain('malformed');
    expect(kinds(await seen(whole, {}, { maxMembers: 10 }))).toEqual(['budget']);
    await survivesDamage(whole);
  });
});

describe('compiled help files', () => {
  const FILES = {
    'index.htm': Buffer.from('<html>help</html>'),
    'big.bin': randomBytes(150_000),
    'c.txt': Buffer.from(LINES),
  };
  const whole = helpFile(FILES);

  test('are opened over all resets of their stream, plain and in a zip', async () => {
    const { contents, troubles } = await seen(zipOf([{ name: 'h.chm', data: whole }]));
    expect(contents).toMatchObject({ 'h.chm!/index.htm': '<html>help</html>', 'h.chm!/c.txt': LINES });
    expect(contents['h.chm!/big.bin'] === FILES['big.bin'].toString('latin1')).toBe(true);
    expect(troubles).toEqual([]);
  });

  test('that are cut off, damaged or bombs are named', async () => {
    expect(kinds(await seen(whole.subarray(0, 0x1000)))).toEqual(['malformed']);
    expect(kinds(await seen(whole.subarray(0, 90_000)))).toEqual(['malformed']);
    expect(kinds(await seen(whole, {}, { maxMembers: 2 }))).toEqual(['budget']);
    expect(kinds(await seen(helpFile(FILES, 20), {}, { maxTotalBytes: MIB }))).toEqual(['budget']);
    await survivesDamage(whole.subarray(0, 0x1100));
    await survivesDamage(whole);
  });
});
