import { describe, expect, test } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { tempDir } from '../../support/tempDir.ts';
import { antivirusBlade, PLUGIN_FOLDER } from './blade-support.ts';

const BASE64 = 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo'.repeat(6);

// Cut by `~` so that no scanner takes this file for what it describes.
const SAMPLES = Object.fromEntries(
  Object.entries({
    'PHP.WebShell': "<~?php @ev~al($_PO~ST['x']); ?>",
    'PowerShell.EncodedCommand': `power~shell.exe -nop -w hid~den -ep byp~ass -e~nc ${BASE64}`,
    'JScript.Dropper': `var s=new ActiveXObject("WScr~ipt.Sh~ell"),h=new ActiveXObject("MSX~ML2.XML~HTTP"),
      a=new ActiveXObject("ADO~DB.Str~eam");h.open("GET",u,0);a.Save~ToFile(f,2);s.R~un(f);`,
    'Python.Meterpreter':
      `exec(__imp~ort__('zl~ib').decompress(__imp~ort__('bas~e64').b64decode(__imp~ort__('cod~ecs')
      .getencoder('utf-8')('${BASE64}')[0])))`.replace(/\s+/g, ''),
    'PowerShell.ShellcodeLoader': `$m=[Micro~soft.Win32.Unsafe~NativeMethods];$b=[Conv~ert]::FromBase64~String("${BASE64}");
      GetDelegateForFunction~Pointer((f kernel32.dll Virtual~Alloc),(g));(f kernel32.dll Create~Thread)`,
  }).map(([threat, text]) => [threat, text.replaceAll('~', '')]),
);

describe('rules of the plugin', () => {
  test.each(Object.keys(SAMPLES))('find %s', async (threat) => {
    await using av = await antivirusBlade();
    expect(await av.inspect(Buffer.from(SAMPLES[threat]!))).toMatchObject({ kind: 'block', threat });
  });

  test('find PowerShell saved as UTF-16', async () => {
    await using av = await antivirusBlade();
    const script = Buffer.from(`\ufeff${SAMPLES['PowerShell.EncodedCommand']}`, 'utf16le');
    expect(await av.inspect(script)).toMatchObject({ threat: 'PowerShell.EncodedCommand' });
  });

  test.each(Object.keys(SAMPLES))('let an article about %s pass', async (threat) => {
    await using av = await antivirusBlade();
    const article = `<!doctype html><html><body><p>How it works</p><pre>${SAMPLES[threat]!.replaceAll('<', '&lt;')}`;
    expect(await av.inspect(Buffer.from(article))).toEqual({ kind: 'allow' });
  });

  test('let every file of this project pass', async () => {
    await using av = await antivirusBlade();
    const root = path.resolve(PLUGIN_FOLDER, '../..');
    for (const folder of [
      'plugins/antivirus',
      'plugins/antivirus/rules',
      'test/plugins/antivirus',
      'test/support',
    ]) {
      for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const verdict = await av.inspect(await readFile(path.join(root, folder, entry.name)));
        expect([entry.name, verdict.kind]).toEqual([entry.name, 'allow']);
      }
    }
  });
});

describe('rules of the user', () => {
  const rule = (name: string, text: string) => `rule ${name} { strings: $a = "${text}" condition: $a }`;

  test('are used beside the own ones, and name the threat', async () => {
    await using folder = await tempDir();
    await folder.write(
      'mine.yar',
      `rule Mine { meta: threat = "My.Threat" severity = "low" strings: $a = "zebra" condition: $a }`,
    );
    await using av = await antivirusBlade({ rules: [folder.path] });
    expect(await av.inspect(Buffer.from('a zebra'))).toEqual({
      kind: 'block',
      threat: 'My.Threat',
      severity: 'low',
      reason: 'found in the content',
    });
    expect(await av.inspect(Buffer.from(SAMPLES['PHP.WebShell']!))).toMatchObject({ threat: 'PHP.WebShell' });
  });

  test('change the fingerprint, and nothing else does', async () => {
    await using folder = await tempDir();
    await folder.write('mine.yar', rule('Mine', 'zebra'));
    const fingerprint = async (options: object) => {
      await using av = await antivirusBlade(options);
      return av.blade.fingerprint!();
    };
    const own = await fingerprint({});
    const mine = await fingerprint({ rules: [folder.path] });
    expect(own).toMatch(/^[0-9a-f]{16}$/);
    expect(await fingerprint({})).toBe(own);
    expect(mine).not.toBe(own);
    await folder.write('mine.yar', rule('Mine', 'zebras'));
    expect(await fingerprint({ rules: [folder.path] })).not.toBe(mine);
  });

  test.each([
    ['that do not compile', rule('Bad', 'x').replace('$a }', '$b }'), /unknown pattern/],
    ['whose name is taken', rule('EICAR_Test_File', 'x'), /duplicate rule/],
    ['that include other files', 'include "other.yar"', /include/],
  ])('%s are refused with file and message', async (_name, source, message) => {
    await using folder = await tempDir();
    await folder.write('fine.yar', rule('Fine', 'x'));
    const file = await folder.write('wrong.yar', source);
    const refused = antivirusBlade({ rules: [folder.path] });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringContaining(file),
    });
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(message) });
  });

  test('that take minutes for a text cost that message only, and are ended', async () => {
    await using folder = await tempDir();
    await folder.write('slow.yar', 'rule Slow { strings: $a = /a.*b.*c/ condition: $a }');
    await using av = await antivirusBlade({ rules: [folder.path], workers: 2, timeout: '1500ms' });
    const clean = (text: string) => expect(av.inspect(Buffer.from(text))).resolves.toEqual({ kind: 'allow' });
    await Promise.all([clean('one'), clean('two')]); // both processes run
    let isOver = false;
    const stuck = av.inspect(Buffer.alloc(65_536, 'ab')).finally(() => (isOver = true));
    await Promise.all([clean('three'), clean('four')]);
    expect(isOver).toBe(false);
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_SCAN_TIMEOUT' });
    await Promise.all([clean('five'), clean('six')]);
  });

  test('in a folder that does not exist are refused', async () => {
    await expect(antivirusBlade({ rules: ['/nowhere/rules'] })).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringContaining('/nowhere/rules'),
    });
  });
});

describe('options', () => {
  test.each([
    ['an unknown key', { rule: [] }],
    ['a size without a unit', { window: 'big' }],
    ['a window smaller than its overlap', { window: '64KiB' }],
    ['no workers', { workers: 0 }],
    ['a duration of nothing', { timeout: 0 }],
    ['both ways to clamd', { clamd: { socket: '/x', host: 'y' } }],
  ])('refuse %s', async (_name, options) => {
    await expect(antivirusBlade(options)).rejects.toMatchObject({ issues: expect.anything() });
  });
});
