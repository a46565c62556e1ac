import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { ConfigProblemsError, formatProblems, loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

// The configuration that the documentation promises to accept, to the letter.
const PROMISED = `proxy:
  listen: 127.0.0.1:8080            # or a list; tls: {cert, key} makes it an HTTPS proxy
  certs: certs
  tls:
    rules:                          # first match wins; default action: bump
      - { hosts: ["*.bank.example"], action: splice }
      - { hosts: ["blocked.example"], action: terminate }
  upstream:
    trust: []                       # extra PEM files that vouch for origins
    verify: true
    proxy: null                     # parent proxy URL (http://, https://, socks5://)
  auth: null                        # { basic: { file: users.htpasswd } }
  targets: { deny: [] }             # CIDRs or hosts that clients may not reach through the proxy
  reverse: []                       # [{ listen: 127.0.0.1:8443, target: "http://127.0.0.1:3000" }]: Weir in front of an application (upload scanning)

adaptation:                         # the proxy's ICAP client
  services:
    scan:  { url: "icap://127.0.0.1:1344/sandblast" }
    other: { url: "icaps://icap.example:11344/avscan", onError: bypass, timeout: 30s, preview: 1024 }
  groups:
    scanners: { services: [scan, other], strategy: failover }   # failover | round-robin | least-busy | hash
  rules:                            # in order, all that match run as a chain; default: every request and response goes to \`sandblast\`
    - { point: reqmod,  use: [scanners] }
    - { point: respmod, use: [scanners], when: { hosts: ["*"], types: ["*/*"] } }

gateway:                            # the co-located ICAP server
  listen: 127.0.0.1:1344            # a list; tls: {cert, key, clientCa} makes icaps
  allow: [127.0.0.0/8, "::1"]
  workers: { min: 3, max: 8 }
  services:
    sandblast: { profile: optimized }
    echo: {}
    custom: { profile: mine, maxConnections: 100, preview: 4096 }

profiles:                           # basic, optimized and strict are built in
  mine: { base: strict, blades: { threat-emulation: { mode: hold, timeout: 20s } } }

plugins:
  - ./plugins/antivirus
  - { use: some-npm-package, with: { key: value } }

dashboard: { listen: 127.0.0.1:8090, token: null }   # null: a random one, printed at start
log: { level: info, file: null }
shutdown: { grace: 10s }
`;

/** Loads a text as a configuration file. */
async function load(text: string) {
  await using dir = await tempDir();
  return await loadConfig({ path: await dir.write('weir.yaml', text) });
}

/** The lines that the CLI would print, without the folder of the file. */
async function problemsOf(text: string): Promise<string[]> {
  const error = await refusalOf(load(text));
  return formatProblems(error.problems, error.file).map((line) => line.replace(/^.*weir\.yaml/, 'weir.yaml'));
}

async function refusalOf(loading: Promise<unknown>): Promise<ConfigProblemsError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ConfigProblemsError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the promised configuration', () => {
  test('is accepted as it stands, without a warning', async () => {
    const { config, warnings } = await load(PROMISED);
    expect(warnings).toEqual([]);
    expect(config.proxy.listen).toMatchObject([{ host: '127.0.0.1', port: 8080, mode: 'auto', tls: null }]);
    expect(config.proxy.tls.rules).toEqual([
      { hosts: ['*.bank.example'], action: 'splice' },
      { hosts: ['blocked.example'], action: 'terminate' },
    ]);
    expect(config.adaptation.services['other']).toMatchObject({
      name: 'other',
      url: expect.objectContaining({ secure: true, host: 'icap.example', port: 11_344, path: '/avscan' }),
      onError: 'bypass',
      onOverload: 'wait',
      maxConnections: null,
      failureLimit: 10,
      timeoutMs: 30_000,
      connectTimeoutMs: 5000,
      previewBytes: 1024,
      inProcess: true,
    });
    expect(config.adaptation.groups['scanners']).toEqual({
      name: 'scanners',
      services: ['scan', 'other'],
      strategy: 'failover',
      hedge: false,
    });
    expect(config.adaptation.rules).toMatchObject([
      { point: 'reqmod', use: ['scanners'], when: null, stop: false },
      { point: 'respmod', use: ['scanners'], when: { hosts: ['*'], types: ['*/*'], methods: ['*'] } },
    ]);
    expect(config.gateway.services['custom']).toEqual({
      name: 'custom',
      kind: 'scan',
      profile: 'mine',
      rules: [],
      maxConnections: 100,
      auth: null,
      previewBytes: 4096,
      methods: ['REQMOD', 'RESPMOD'],
      optionsTtlMs: 3_600_000,
    });
    expect(config.profiles['mine']).toMatchObject({
      base: 'strict',
      onError: 'block',
      blades: { 'threat-emulation': { enabled: true, mode: 'hold', timeoutMs: 20_000 } },
    });
    expect(config.plugins.map(({ use, with: options }) => [use, options])).toEqual([
      ['./plugins/antivirus', {}],
      ['some-npm-package', { key: 'value' }],
    ]);
    expect(config.shutdown).toEqual({ graceMs: 10_000 });
  });
});

describe('which file is read', () => {
  test('takes weir.yaml of the working directory', async () => {
    await using dir = await tempDir();
    const file = await dir.write('weir.yaml', 'log: { level: debug }');
    const loaded = await loadConfig({ cwd: dir.path });
    expect(loaded.file).toBe(file);
    expect(loaded.config.log.level).toBe('debug');
  });

  test('uses the defaults when there is none', async () => {
    await using dir = await tempDir();
    const { config, file, warnings } = await loadConfig({ cwd: dir.path });
    expect(file).toBeNull();
    expect(warnings).toEqual([]);
    expect(config.proxy.listen).toMatchObject([{ host: '127.0.0.1', port: 8080, mode: 'auto', tls: null }]);
    expect(config.adaptation.rules.map(({ point, use }) => [point, use])).toEqual([
      ['reqmod', ['sandblast']],
      ['respmod', ['sandblast']],
    ]);
  });

  test.each(['', '# nothing\n', 'proxy:\nadaptation:\n  rules:\n', '---\n'])(
    'takes %j for the defaults',
    async (text) => {
      await using dir = await tempDir();
      const empty = await loadConfig({ cwd: dir.path });
      const { config } = await loadConfig({ path: await dir.write('weir.yaml', text) });
      expect(config).toEqual(empty.config);
    },
  );

  test('sees a relative path from the working directory that it is given, and paths in the file from there', async () => {
    await using dir = await tempDir();
    await mkdir(dir.join('etc'));
    await dir.write(
      'etc/other.yaml',
      'proxy: { certs: ca, upstream: { trust: [a.pem, /b.pem] } }\nlog: { file: ../x.log }',
    );
    const { config } = await loadConfig({ path: 'etc/other.yaml', cwd: dir.path });
    expect(config.proxy.certs).toBe(dir.join('etc/ca'));
    expect(config.proxy.upstream.trust).toEqual([dir.join('etc/a.pem'), '/b.pem']);
    expect(config.log.file).toBe(dir.join('x.log'));
  });
});

describe('a file that cannot be read', () => {
  test('says in one line which file, which errno and what to do', async () => {
    const error = await refusalOf(loadConfig({ path: '/nowhere/weir.yaml' }));
    expect(error.code).toBe('ERR_CONFIG_UNREADABLE');
    expect(formatProblems(error.problems, error.file)).toEqual([
      '/nowhere/weir.yaml  cannot be read (ENOENT): there is no such file; check --config',
    ]);
  });

  test('refuses a folder', async () => {
    await using dir = await tempDir();
    const error = await refusalOf(loadConfig({ path: dir.path }));
    expect(error.problems[0]).toMatchObject({ code: 'ERR_CONFIG_UNREADABLE', found: 'EISDIR' });
  });

  test('does not fall back to the defaults when weir.yaml is there but is a folder', async () => {
    await using dir = await tempDir();
    await mkdir(dir.join('weir.yaml'));
    expect((await refusalOf(loadConfig({ cwd: dir.path }))).code).toBe('ERR_CONFIG_UNREADABLE');
  });

  test('refuses endless files and files over 256 KiB', async () => {
    expect((await refusalOf(loadConfig({ path: '/dev/zero' }))).problems[0]?.found).toBe('EFBIG');
    await using dir = await tempDir();
    const limit = 256 * 1024;
    const fits = await dir.write('fits.yaml', '#'.padEnd(limit, 'x'));
    const over = await dir.write('over.yaml', '#'.padEnd(limit + 1, 'x'));
    await expect(loadConfig({ path: fits })).resolves.toBeDefined();
    expect((await refusalOf(loadConfig({ path: over }))).problems[0]?.found).toBe('EFBIG');
  });

  test('refuses bytes that are not UTF-8', async () => {
    await using dir = await tempDir();
    const file = await dir.write('weir.yaml', Buffer.from('log: { level: "\xff" }', 'latin1'));
    expect((await refusalOf(loadConfig({ path: file }))).problems[0]?.message).toContain('save it as UTF-8');
  });
});

describe('problems', () => {
  test('gives place, found and allowed of a value out of range', async () => {
    const text = [
      'adaptation:',
      '  services:',
      '    scan:',
      '      url: icap://h/x',
      '      preview: 10MB',
      '',
    ];
    const error = await refusalOf(load(text.join('\n')));
    expect(error.problems).toEqual([
      {
        code: 'ERR_CONFIG_VALUE',
        path: 'adaptation.services.scan.preview',
        line: 5,
        column: 16,
        found: '"10MB"',
        allowed: '0..64KiB',
        message: 'expected 0..64KiB, got "10MB"',
        suggestion: null,
      },
    ]);
    expect(await problemsOf(text.join('\n'))).toEqual([
      'weir.yaml:5:16  adaptation.services.scan.preview: expected 0..64KiB, got "10MB"',
    ]);
  });

  test('are told all at once, in the order of the file', async () => {
    const text = `
proxy:
  lisen: 127.0.0.1:1
  listen: 8080
  trust: []
  tls:
    rules:
      - { hosts: [], action: bumb }
      - { hosts: ["a b"] }
  limits: { headerBytes: 64kib, headTimeout: 30 }
adaptation:
  services:
    scan: { url: "icap://u:secret@h:99999/x", onError: bypas }
    two:
    "bad name": { url: icap://x }
  rules:
    - { point: reqmod, use: [scann], when: { types: text/html } }
gateway:
  strict: yes
  services: { x: { zzzzz: 1 } }
dashboard: { token: 12345 }
log: loud
`;
    expect(await problemsOf(text)).toEqual([
      'weir.yaml:3:3  proxy.lisen: unknown key; did you mean listen?',
      'weir.yaml:4:11  proxy.listen: expected host:port such as 127.0.0.1:8080 or [::1]:8080, got 8080; did you mean 127.0.0.1:8080?',
      'weir.yaml:5:3  proxy.trust: unknown key; did you mean proxy.upstream.trust?',
      'weir.yaml:8:18  proxy.tls.rules[0].hosts: expected at least one, got an empty list',
      'weir.yaml:8:30  proxy.tls.rules[0].action: expected one of bump, splice, terminate, got "bumb"; did you mean bump?',
      'weir.yaml:9:9  proxy.tls.rules[1].action: is missing: expected one of bump, splice, terminate',
      'weir.yaml:9:19  proxy.tls.rules[1].hosts[0]: expected a host name, an IP address, *.suffix or *, got "a b"',
      'weir.yaml:10:26  proxy.limits.headerBytes: expected a size such as 64KiB, 10MB or 4096 (bytes), got "64kib"; did you mean 64KiB?',
      'weir.yaml:10:46  proxy.limits.headTimeout: expected a duration such as 250ms, 30s, 5m or 1h, got 30',
      'weir.yaml:13:18  adaptation.services.scan.url: expected an ICAP URL such as icap://127.0.0.1:1344/service, got "icap://…@h:99999/x"',
      'weir.yaml:13:56  adaptation.services.scan.onError: expected one of block, bypass, got "bypas"; did you mean bypass?',
      'weir.yaml:14:5  adaptation.services.two.url: is missing: expected an ICAP URL such as icap://127.0.0.1:1344/service',
      'weir.yaml:15:5  adaptation.services["bad name"]: expected a name of letters, digits, dots, dashes and underscores, got "bad name"',
      'weir.yaml:17:30  adaptation.rules[0].use[0]: no service or group is named "scann"; did you mean scan?',
      'weir.yaml:17:53  adaptation.rules[0].when.types: expected a list, got "text/html"',
      'weir.yaml:19:11  gateway.strict: expected true or false, got "yes"',
      'weir.yaml:20:20  gateway.services.x.zzzzz: unknown key; known here: profile, rules, maxConnections, auth, preview, methods, optionsTtl',
      'weir.yaml:21:21  dashboard.token: expected text, got something else (not shown)',
      'weir.yaml:22:6  log: expected a map (key: value), got "loud"',
    ]);
  });

  test('shows the file relative to the working directory where it lies below it', async () => {
    await using dir = await tempDir();
    const error = await refusalOf(loadConfig({ path: await dir.write('weir.yaml', 'logg: 1') }));
    const [inside] = formatProblems(error.problems, path.join(process.cwd(), 'conf', 'weir.yaml'));
    expect(inside).toBe('conf/weir.yaml:1:1  logg: unknown key; did you mean log?');
    const [outside] = formatProblems(error.problems, error.file);
    expect(outside).toBe(`${dir.join('weir.yaml')}:1:1  logg: unknown key; did you mean log?`);
    const [nowhere] = formatProblems([{ ...error.problems[0]!, line: null }], null);
    expect(nowhere).toBe('configuration  logg: unknown key; did you mean log?');
  });

  test('have the code of what is wrong', async () => {
    const codes = async (text: string) =>
      (await refusalOf(load(text))).problems.map((problem) => problem.code);
    expect(await codes('a: 1')).toEqual(['ERR_CONFIG_UNKNOWN_KEY']);
    expect(await codes('log: { level: 1 }')).toEqual(['ERR_CONFIG_VALUE']);
    expect(await codes('a: b: c')).toContain('ERR_CONFIG_SYNTAX');
    expect((await refusalOf(load('a: 1\nproxy: 1'))).code).toBe('ERR_CONFIG_UNKNOWN_KEY');
  });

  test.each(['[1, 2]', 'text', '42'])('refuses %s as a whole', async (text) => {
    const [line] = await problemsOf(text);
    expect(line).toMatch(/^weir\.yaml:1:1 {2}expected a map \(key: value\), got/);
  });

  test('escapes and cuts what stands in the file', async () => {
    const [line] = await problemsOf(`log: { level: "\\u001b[31m${'x'.repeat(500)}" }`);
    expect(line).toContain('got "\\x1b[31mxxx');
    expect(line?.length).toBeLessThan(250);
  });

  test('tell of a name once when it cannot be a name at all', async () => {
    expect(await problemsOf('adaptation: { rules: [{ point: reqmod, use: ["a b"] }] }')).toEqual([
      expect.stringContaining('adaptation.rules[0].use[0]: expected a name'),
    ]);
  });

  test('are bounded in number and time', async () => {
    const text = Array.from({ length: 10_000 }, (_, index) => `unknown${index}: 1`).join('\n');
    const started = process.cpuUsage(); // what others do at the same time does not count
    expect((await refusalOf(load(text))).problems).toHaveLength(100);
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(5);
  });

  test.each(['constructor', 'toString', 'hasOwnProperty'])('finds no key named %s', async (key) => {
    expect(await problemsOf(`${key}: { a: 1 }`)).toEqual([expect.stringContaining(`${key}: unknown key`)]);
    const service = `gateway: { services: { x: { profile: ${key} } } }`;
    expect(await problemsOf(service)).toEqual([expect.stringContaining(`no profile is named "${key}"`)]);
  });
});
