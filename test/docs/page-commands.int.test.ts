// Runs every shell block of README and docs/ against a Weir of this test and an origin that stands for the
// sites, in the order of the page. A block that cannot be run says why in a comment in front of it, see
// shell-blocks.ts; one that is neither run nor marked is a failure.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { spliceFileIn, writeSplices } from '../../src/proxy/tls-policy/splice-file.ts';
import { curl } from '../support/curl.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { hasPeer } from '../support/peers/find.mjs';
import { missingPeersText, type PeerName } from '../support/peers/requirePeer.ts';
import { type CliResult, runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { type TempDir, tempDirForFile } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';
import { openPageShell, type PageShell } from './page-shell.ts';
import { allPages, blocks, isThere, README } from './pages.ts';
import { type ShellBlock, shellBlocks, unmarkedCommands } from './shell-blocks.ts';

const SITES = ['example.com', 'secure.eicar.org'];

/** Programs of others that blocks call. */
const PEERS: readonly PeerName[] = ['curl', 'openssl', 'c-icap-client', 'htpasswd', 'certutil', 'jq'];

/** What must be printed by a block in which the first pattern occurs. */
const PRINTED: readonly (readonly [RegExp, RegExp])[] = [
  [/^(npm|weir) start(?! \|)/m, /proxy +http:\/\/127\.0\.0\.1:\d+/],
  [
    /(?<![^])(?![^]*(?:eicar|EICAR|-o |-s |weir\.local))[^]*curl .*https:\/\/example\.com\/$/m,
    /Example Domain|ended with 60/,
  ],
  [/grep issuer/, /issuer: CN=Weir CA/],
  [/weir quarantine list/, /EICAR-Test-File/],
  [/weir icap status/, /^up +sandblast/m],
  [/weir ca show/, /SHA-256 +(?:[0-9A-F]{2}:){31}/],
  [/eicar/i, /EICAR-Test-File/],
  [/http:\/\/weir\.local\/$/m, /ca\.pem/],
  [/weir ca trust/, /weir-ca|no store|certutil|update-ca/],
  [/weir check/, /no problems|is fine|ok/i],
  [/weir icap options/, /Preview/],
  [/weir icap doctor/, /\d+ passed/],
  [/weir icap bench/, /answers/],
  [/weir why/, /W-[0-9A-Z]{13}/],
  [/weir record/, /1 transaction in monday\.weir, [\d.]+ (B|KiB)/],
  [/weir replay/, /1 recorded, 1 replayed/],
  [/weir splice list/, /app\.example:443 .*192\.0\.2\.7/],
  [/jq 'select/, /"EICAR-Test-File"/],
  [/c-icap-client/, /204|200/],
  [/api\/transactions/, /"verdict": ?"blocked"/],
  [/s_client/, /Verify return code: 0|Verification: OK/],
];

/** Scripts of package.json that blocks consist of; README stays free of comments. */
const SCRIPTS: Readonly<Record<string, Partial<ShellBlock>>> = {
  'npm run demo': { runBy: 'test/cli/demo.test.ts' },
  'npm test': { notRun: 'it runs every test, this one included' },
  'npm run bench': { notRun: 'it takes ten minutes; its parts have tests of their own' },
};

const all = allPages()
  .flatMap(shellBlocks)
  .map((block) => ({ ...block, ...(block.runBy === null ? SCRIPTS[block.text.trim()] : {}) }));
// A block releases the test file from the quarantine: it passes from then on.
const comesLast = ({ file }: ShellBlock): number => Number(file === 'docs/quarantine.md');
const toRun = all
  .filter(({ notRun, runBy }) => notRun === null && runBy === null)
  .sort((one, other) => comesLast(one) - comesLast(other));
const nameOf = ({ file, line }: ShellBlock): string => `${file}:${line}`;

let weir: LocalWeir;
let origin: OriginServer;
let shell: PageShell;
let icapsPort: number;
let dashboardPort: number;

beforeAll(async () => {
  origin = await originServer(
    (request, response) => {
      request.resume();
      response.setHeader('Content-Type', 'text/html');
      response.end(request.url === '/eicar.com.txt' ? eicar() : '<!doctype html>\n<h1>Example Domain</h1>\n');
    },
    { tls: true, names: SITES },
  );
  const ca = await testCa();
  const { cert, key } = await ca.issue(['localhost', '127.0.0.1']);
  const keys = await tempDirForFile('weir-docs-keys-');
  const [certFile, keyFile] = [path.join(keys, 'gateway.pem'), path.join(keys, 'gateway.key')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  icapsPort = await freePort();
  dashboardPort = await freePort();
  const upstream = { hosts: Object.fromEntries(SITES.map((site) => [site, '127.0.0.1'])) };
  weir = await startTestWeir((gatewayPort) => ({
    proxy: { listen: ['127.0.0.1:0', { listen: '127.0.0.1:0', mode: 'http', tls: true }], upstream },
    gateway: {
      listen: [
        `127.0.0.1:${gatewayPort}`,
        { listen: `127.0.0.1:${icapsPort}`, tls: { cert: certFile, key: keyFile } },
      ],
    },
    dashboard: { listen: `127.0.0.1:${dashboardPort}` },
  }));
  const { folder } = weir;
  for (const name of ['setup.exe', 'upload.bin', 'some-file']) await folder.write(name, 'a clean file\n');
  await folder.write('ca.pem', ca.cert);
  await folder.write('squid.pem', cert);
  await folder.write('squid.key', key);
  await folder.write('weir-ca.pem', weir.ca);
  // For curl without a proxy; `--cacert` of a page takes the place of the first.
  const direct = `cacert = ca.pem\nresolve = ${SITES[0]}:${origin.port}:127.0.0.1\n`;
  await folder.write('.curlrc', `fail-with-body\n${direct}`);
  // The page about the CA replaces one: it gets another.
  await mkdir(folder.join('own-ca'));
  await folder.write('own-ca/weir.yaml', 'proxy: { certs: certs }\n');
  await folder.write('own-ca/secret', 'correct horse battery staple\n', 0o600);
  await runCli(['ca', 'init'], { cwd: folder.join('own-ca') });
  const own = await ownSettings(folder);
  const scanner = blocks(README, 'yaml').find((text) => text.includes('scanner:'))!;
  await folder.write('scanner.yaml', `${scanner}\n${stringify(own)}`);
  await folder.write(
    'second.yaml',
    stringify({ ...own, proxy: { ...own.proxy, upstream: { ...upstream, trust: [ca.certPath] } } }),
  );
  const times = { learnedAt: Date.now(), expiresAt: Date.now() + 3_600_000, evidence: [] };
  writeSplices(
    spliceFileIn(folder.join('certs')),
    ['192.0.2.7', '192.0.2.8'].map((client) => ({
      ...{ client, user: null, host: 'app.example', port: 443, sni: 'app.example' },
      ...times,
    })),
  );
  shell = await openPageShell(folder.path, async (args, options) => {
    await weir.weir.traces!.flush();
    return /^(?:start|record)$/.test(args[0]!) ? serveOnce(args, options) : runCli(args, options);
  });
}, 30_000);

afterAll(async () => {
  await shell?.[Symbol.asyncDispose]();
  await weir?.[Symbol.asyncDispose]();
  await origin?.close();
});

/** Of a second Weir, which serves for one command: files that it does not share with the first. */
async function ownSettings(folder: TempDir) {
  const certs = folder.join('second');
  await mkdir(certs);
  const below = (name: string): string => path.join(certs, name);
  return {
    proxy: { certs },
    ...{
      log: { file: below('log') },
      trace: { folder: below('trace') },
      usercheck: { folder: below('usercheck') },
    },
    gateway: { verdicts: { folder: below('verdicts') }, quarantine: { folder: below('quarantine') } },
    plugins: ['./plugins/antivirus'],
  };
}

/** `weir start` or `weir record` until it has said where it is and served one page; then Ctrl-C. */
async function serveOnce(args: readonly string[], options: { readonly cwd: string }): Promise<CliResult> {
  const config = args.includes('--config') ? [] : ['--config', 'second.yaml'];
  const ports = ['proxy', 'gateway', 'dashboard'].flatMap((part) => [`--${part}-listen`, '127.0.0.1:0']);
  const asked: Promise<unknown>[] = [];
  const onPrinted = (text: string): void => {
    const proxy = /proxy +(http:\S+)[^]*\n {2}CA +(\S+)[^]*curl -x/.exec(text);
    if (proxy === null || asked.length > 0) return;
    const [, url, ca] = proxy;
    const site = `https://${SITES[0]}:${origin.port}/`;
    const answer = curl(['-x', url!, '--cacert', path.resolve(options.cwd, ca!), site]);
    asked.push(answer.finally(() => process.emit('SIGINT')));
  };
  const result = await runCli([...args, ...config, ...ports], { ...options, onPrinted });
  await Promise.all(asked);
  return result;
}

/** The block with what is here in place of what the page names; the reasons are those of a test. */
function here(text: string): string {
  const proxy = `127.0.0.1:${weir.proxyPort}`;
  const proxyOverTls = weir.weir.proxyAddresses[1]!.replace(/^.*:/, 'localhost:');
  const gateway = `127.0.0.1:${weir.gatewayPort}`;
  const last = weir.log().findLast(({ kind }) => kind === 'proxy')?.id ?? '';
  const incident =
    weir.log().find((record) => record.kind === 'proxy' && record.verdict === 'blocked')?.incident ?? '';
  return (
    text
      .replaceAll(/(?:127\.0\.0\.1|192\.0\.2\.10):8080/g, proxy)
      .replaceAll('alice@', 'alice:secret@') // asked for on a terminal
      .replaceAll('localhost:3129', proxyOverTls)
      .replaceAll('127.0.0.1:8090', `127.0.0.1:${dashboardPort}`)
      .replaceAll('icaps://scanner.example/avscan', `icaps://127.0.0.1:${icapsPort}/sandblast`)
      .replaceAll(/scanner\.example\/avscan|127\.0\.0\.1:1345\/avscan/g, `${gateway}/sandblast`)
      .replaceAll('127.0.0.1:1344', gateway)
      .replaceAll('-p 1344', `-p ${weir.gatewayPort}`)
      .replaceAll('gateway.example:11344', `127.0.0.1:${icapsPort}`)
      .replaceAll(new RegExp(`(https://(?:${SITES.join('|')}))/`, 'g'), `$1:${origin.port}/`)
      .replaceAll('W-1M8270Z2H6Y9N', last)
      .replaceAll('W-1KYSNCG0GCA5N', incident)
      .replaceAll('weir ca init', 'rm -rf certs; weir ca init') // it is for before the first start
      .replaceAll(/(ca trust)/g, '$1 --dry-run') // the machine's own settings stay
      .replaceAll('system-proxy on', 'system-proxy on --desktop windows --dry-run --address 192.0.2.10:8080')
      .replaceAll('htpasswd -B', 'htpasswd -i -B') // asks on a terminal otherwise
      // The examination and the load are tested elsewhere in full: here a moment of each.
      .replaceAll(/(icap doctor \S+)(?!.*--only)/g, '$1 --only options')
      .replaceAll(/(icap bench .*?)(?: --(?:duration|requests) \S+|$)/gm, '$1 --duration 100ms --warmup 0ms')
      .replaceAll('weir start |', 'cat log |') // the log of the Weir that runs
  );
}

/** What was printed, with the names of the page. */
function asOnPage(text: string): string {
  return text.replaceAll(`:${origin.port}/`, '/').replaceAll(`:${origin.port} `, ':443 ');
}

/** A line of the page as a pattern: `…` stands for anything. */
function pattern(line: string): RegExp {
  const parts = line.split('…').map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*').replace(/ {2,}/g, ' +'), 'm');
}

async function runAndCheck({ file, text, prints }: ShellBlock): Promise<void> {
  const { exitCode, output } = await shell.run(
    (file === 'docs/certificates.md' ? 'cd own-ca\n' : '') + here(text),
  );
  const printed = asOnPage(output);
  const refused = /eicar/i.test(text) && /curl/.test(text); // 22: curl was told to fail on 4xx
  const missing = [
    ...prints.map(pattern),
    ...PRINTED.filter(([block]) => block.test(text)).map(([, expected]) => expected),
  ].filter((expected) => !expected.test(printed));
  if (exitCode === (refused ? 22 : 0) && missing.length === 0) return;
  throw new Error(
    `exit code ${exitCode}; not printed: ${missing.join(', ') || 'nothing'}\n${text}\n${printed}`,
  );
}

describe('blocks', () => {
  for (const block of toRun) {
    const absent = PEERS.filter((name) => new RegExp(`\\b${name}\\b`).test(block.text) && !hasPeer(name));
    const skipped = absent.length > 0 && process.env.CI !== 'true' ? test.skip : test;
    skipped(`${nameOf(block)} runs as it stands`, () => {
      if (absent.length > 0) throw new Error(missingPeersText(absent));
      return runAndCheck(block);
    });
  }

  test('malware that the pages send never reached a site', () => {
    expect(origin.requests.map(({ method }) => method)).not.toContain('POST');
  });
});

test('most blocks are run, and each other one says why not', () => {
  const notRun = all.filter(({ notRun }) => notRun !== null);
  const elsewhere = all.filter(({ runBy }) => runBy !== null);
  process.stderr.write(
    `\n${toRun.length} blocks run, ${elsewhere.length} by other tests, ${notRun.length} not run:\n` +
      notRun.map((block) => `  ${nameOf(block)}: ${block.notRun}\n`).join(''),
  );
  expect(toRun.length).toBeGreaterThan(3 * notRun.length);
});

test('tests that are said to run a block are there', () => {
  expect(all.flatMap(({ runBy }) => (runBy === null || isThere(runBy) ? [] : [runBy]))).toEqual([]);
});

test('commands are marked as such: a block without a language would be run by nobody', () => {
  expect(allPages().flatMap((page) => unmarkedCommands(page).map((line) => `${page.file}: ${line}`))).toEqual(
    [],
  );
});
