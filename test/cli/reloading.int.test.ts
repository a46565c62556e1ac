import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { watchFiles } from '../../src/config/watch.ts';
import { istag, scan } from '../app/icap.ts';
import { rawClient } from '../support/rawClient.ts';
import { spawnWeir, type WeirProcess } from '../support/runCli.ts';
import { accepts } from '../support/supervised.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../plugins/antivirus', import.meta.url));
const LIMIT_MS = 120_000; // may have to build first
const PROXY = /proxy +http:\/\/127\.0\.0\.1:(\d+)/;
const GATEWAY = /gateway +icap:\/\/127\.0\.0\.1:(\d+)\/sandblast/;

/** A configuration as text: JSON is YAML. */
const configuration = (more: object = {}): string =>
  JSON.stringify({
    proxy: { listen: '127.0.0.1:0', certs: 'certs' },
    gateway: { listen: '127.0.0.1:0' },
    dashboard: { listen: '127.0.0.1:0' },
    log: { file: 'log' },
    plugins: [ANTIVIRUS],
    ...more,
  });

interface Running extends AsyncDisposable {
  readonly folder: TempDir;
  readonly weir: WeirProcess;
  readonly proxyPort: number;
  readonly gatewayPort: number;
  /** Resolves with the rest of the next line on standard error that begins so. */
  says(beginning: string): Promise<string>;
  /** Everything that the log says of reloads. */
  logged(): Promise<Record<string, unknown>[]>;
}

async function run(
  text: string,
  prepare: (folder: TempDir) => Promise<unknown> = async () => {},
): Promise<Running> {
  const folder = await tempDir();
  await folder.write('weir.yaml', text);
  await prepare(folder);
  const weir = spawnWeir(['start'], { cwd: folder.path });
  const proxyPort = Number((await weir.prints(PROXY, LIMIT_MS))[1]);
  const gatewayPort = Number((await weir.prints(GATEWAY))[1]);
  let read = 0; // characters of standard error
  return {
    ...{ folder, weir, proxyPort, gatewayPort },
    async says(beginning) {
      const pattern = new RegExp(`(?<=^[^]{${read}}[^]*?)${beginning}(.*)\n`);
      const match = await weir.prints(pattern);
      read = match.index + match[0].length;
      return match[1]!.trim();
    },
    async logged() {
      weir.child.kill('SIGTERM');
      await weir.exited;
      const lines = (await readFile(folder.join('log'), 'utf8')).trimEnd().split('\n');
      const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      return records.filter(({ msg }) => /reload/.test(String(msg)));
    },
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('SIGHUP', () => {
  test(
    'puts a changed configuration in force, says what changed and what needs a restart, and drops no connection',
    async () => {
      await using running = await run(configuration());
      await using client = await rawClient(running.gatewayPort);
      const before = (await scan(client, 'clean')).istag;
      const changed = {
        dashboard: { listen: '127.0.0.2:0' },
        gateway: { listen: '127.0.0.1:0', services: { sandblast: { profile: 'strict' } } },
      };
      await running.folder.write('weir.yaml', configuration({ ...changed, reload: { watch: false } }));
      running.weir.child.kill('SIGHUP');
      expect(await running.says('weir: configuration reloaded: ')).toBe(
        'gateway.services.sandblast.profile, reload.watch, ISTag of /sandblast',
      );
      expect(await running.says('weir: needs a restart: ')).toBe('dashboard.listen.host');
      expect((await scan(client, 'clean')).istag).not.toBe(before);
      running.weir.child.kill('SIGHUP');
      expect(await running.says('weir: configuration reloaded: ')).toBe('nothing has changed');
      expect(await running.logged()).toEqual([
        expect.objectContaining({ level: 'info', needsRestart: ['dashboard.listen.host'] }),
        expect.objectContaining({ level: 'info', applied: [] }),
      ]);
    },
    LIMIT_MS,
  );

  test(
    'on a configuration that is wrong says where on standard error and in the log, and keeps the one in force',
    async () => {
      await using running = await run(configuration());
      await running.folder.write('weir.yaml', 'log:\n  level: loud\nprofiles: { x: { base: nothing } }\n');
      running.weir.child.kill('SIGHUP');
      await running.weir.prints(/weir\.yaml:2:10 +log\.level: /);
      await running.says('weir: reload refused, the former configuration stays in force');
      await accepts(running.proxyPort);
      const [refused] = await running.logged();
      expect(refused).toMatchObject({ level: 'error', code: 'ERR_CONFIG_VALUE' });
      expect(refused!['msg']).toMatch(/^reload refused: .*weir\.yaml:2:10 .*; .*weir\.yaml:3:/);
    },
    LIMIT_MS,
  );
});

describe('a change of the configuration file', () => {
  test(
    'is applied by itself, whether written in place or renamed, and a wrong one does not end that',
    async () => {
      await using running = await run(configuration());
      await running.folder.write('weir.yaml', configuration({ log: { file: 'log', level: 'debug' } }));
      expect(await running.says('weir: configuration reloaded: ')).toBe('log.level');
      await running.folder.write('weir.yaml', '{ log: { file: log, levl: info } }');
      await running.says('weir: reload refused');
      const next = configuration({
        log: { file: 'log', level: 'info' },
        gateway: { listen: '127.0.0.1:0', via: false },
      });
      await rename(await running.folder.write('weir.yaml.tmp', next), running.folder.join('weir.yaml'));
      expect(await running.says('weir: configuration reloaded: ')).toBe('gateway.via, log.level');
    },
    LIMIT_MS,
  );

  test(
    'does not take over the defaults when the file is emptied or removed',
    async () => {
      await using running = await run(configuration());
      await running.folder.write('weir.yaml', '');
      expect(await running.says('weir: weir\\.yaml is empty, ')).toMatch(/^the former configuration stays/);
      await rm(running.folder.join('weir.yaml'));
      await running.says('weir: reload refused');
      expect(running.weir.stderr()).toMatch(/weir\.yaml {2}cannot be read \(ENOENT\)/);
      await running.folder.write('weir.yaml', configuration());
      expect(await running.says('weir: configuration reloaded: ')).toBe('nothing has changed');
    },
    LIMIT_MS,
  );

  test(
    'is left alone with reload.watch: false, until SIGHUP',
    async () => {
      await using running = await run(configuration({ reload: { watch: false } }));
      const file = running.folder.join('weir.yaml');
      // Whoever watches with twice the patience hears of it after Weir would have.
      let tell: () => void = () => {};
      const told = new Promise<void>((resolve) => (tell = resolve));
      const watch = await watchFiles([file], tell, { quietMs: 500 });
      await running.folder.write('weir.yaml', configuration({ log: { file: 'log', level: 'debug' } }));
      await told;
      watch.close();
      running.weir.child.kill('SIGHUP');
      expect(await running.says('weir: configuration reloaded: ')).toBe('log.level, reload.watch');
    },
    LIMIT_MS,
  );
});

test(
  'S-16 a change of a rule file is applied by itself: what it finds is blocked, with another ISTag',
  async () => {
    const rule = (text: string): string => `rule Mine { strings: $a = "${text}" condition: $a }`;
    const plugins = [{ use: ANTIVIRUS, with: { rules: ['rules'] } }];
    await using running = await run(configuration({ plugins }), async (folder) => {
      await mkdir(folder.join('rules'));
      await folder.write('rules/mine.yar', rule('zebra'));
    });
    const before = await istag(running.gatewayPort);
    await using client = await rawClient(running.gatewayPort);
    expect(await scan(client, 'a giraffe')).toEqual({ status: 204, istag: before });
    await running.folder.write('rules/mine.yar', rule('giraffe'));
    expect(await running.says('weir: configuration reloaded: ')).toBe('ISTag of /sandblast');
    const after = await scan(client, 'a giraffe');
    expect(after.status).toBe(200);
    expect(after.istag).not.toBe(before);
    await running.folder.write('rules/more.yar', 'rule Mine { condition: false }');
    await running.says('weir: reload refused');
    expect(running.weir.stderr()).toMatch(/more\.yar: .*duplicate rule/);
    expect(await scan(client, 'a giraffe')).toEqual(after);
  },
  LIMIT_MS,
);
