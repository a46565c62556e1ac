// The servers under test: Weir's gateway with the embedded engine, and c-icap with virus_scan and a clamd of
// its own. Both by their documented keys, both with the same signatures.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';

import { freePort, startServer, TEST_CORE, type Server } from '../host/child.ts';
import { writeClamav, writeYara } from './signatures.ts';
import { SIGNATURES, type ScanServerId } from './works.ts';

const BUILT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const COMMAND = fileURLToPath(new URL('../peers/weir-main.mjs', import.meta.url));
const MODULES = ['/usr/lib/x86_64-linux-gnu/c_icap', '/usr/lib/aarch64-linux-gnu/c_icap', '/usr/lib/c_icap'];

export interface Scanner {
  readonly id: ScanServerId;
  /** All that work for an answer. */
  readonly servers: readonly Server[];
  readonly port: number;
  /** Where CPU profiles of Weir's main process appear once it has stopped. */
  readonly profileFolder: string | null;
  stop(): Promise<void>;
}

/** Whether this machine has what c-icap needs to scan. */
export const virusScanModule = (): string | undefined =>
  MODULES.map((folder) => join(folder, 'virus_scan.so')).find((file) => existsSync(file));

/** The configuration, as JSON: every JSON text is YAML too. */
export function scanConfiguration(port: number, unused: number, folder: string): unknown {
  const profile = (cache: boolean): unknown => ({
    cache,
    blades: {
      antivirus: { enabled: true, mode: 'inline', timeout: '10m' },
      'threat-emulation': { enabled: false },
    },
  });
  return {
    gateway: {
      listen: `127.0.0.1:${port}`,
      workers: { min: 0, max: 1 },
      services: {
        echo: {},
        scan: { profile: 'scan' },
        cached: { profile: 'cached' },
      },
      verdicts: { folder: join(folder, 'verdicts') },
    },
    profiles: { scan: profile(false), cached: profile(true) },
    plugins: [{ use: 'antivirus', with: { rules: [join(folder, 'rules')], timeout: '10m' } }],
    dashboard: { listen: `127.0.0.1:${unused}` },
    log: { level: 'warn' },
    shutdown: { grace: '1s' },
  };
}

/**
 * Starts the gateway.
 *
 * @param folder  of its own, made here
 * @param cores  as `taskset -c` takes them
 * @throws {Error} it did not start; the message has its output
 */
export async function startWeir(folder: string, cores: number | string, profile: boolean): Promise<Scanner> {
  if (!existsSync(BUILT)) throw new Error('Weir is not built: run `node bin/build.mjs`');
  mkdirSync(folder, { recursive: true });
  writeYara(join(folder, 'rules'), SIGNATURES);
  const port = await freePort();
  const configuration = join(folder, 'weir.yaml');
  const content = scanConfiguration(port, await freePort(), folder);
  writeFileSync(configuration, `${JSON.stringify(content, null, 2)}\n`);
  const profileFolder = join(folder, 'profiles');
  const profiling = profile ? ['--cpu-prof', '--cpu-prof-dir', profileFolder] : [];
  const server = await startServer({
    name: 'weir',
    core: cores,
    command: process.execPath,
    args: [...profiling, COMMAND, 'gateway', '--config', configuration],
    port,
  });
  return {
    id: 'weir',
    servers: [server],
    port,
    profileFolder: profile ? profileFolder : null,
    stop: () => server.stop(),
  };
}

/** Starts c-icap and the clamd that it asks over a Unix socket, on the tested core. */
export async function startVirusScan(folder: string, id: ScanServerId): Promise<Scanner> {
  const home = join(folder, 'c-icap');
  mkdirSync(home, { recursive: true });
  writeClamav(join(folder, 'db'), SIGNATURES);
  const clamdPort = await freePort();
  const socket = join(folder, 'clamd.sock');
  const clamdConfiguration = join(folder, 'clamd.conf');
  writeFileSync(
    clamdConfiguration,
    `DatabaseDirectory ${join(folder, 'db')}
LocalSocket ${socket}
TCPSocket ${clamdPort}
TCPAddr 127.0.0.1
TemporaryDirectory ${home}
User ${userInfo().username}
Foreground yes
MaxThreads 10
DisableCache ${id === 'c-icap-cached' ? 'no' : 'yes'}
`,
  );
  const common = { core: TEST_CORE, cwd: home };
  const clamd = await startServer({
    ...common,
    name: 'clamd',
    command: 'clamd',
    args: ['-c', clamdConfiguration],
    port: clamdPort,
  });
  try {
    chmodSync(socket, 0o777);
    const port = await freePort();
    const configuration = join(home, 'c-icap.conf');
    writeFileSync(configuration, cIcapConfiguration(home, port, socket));
    const args = ['-N', '-f', configuration];
    const cIcap = await startServer({ ...common, name: 'c-icap', command: 'c-icap', args, port });
    const stop = async (): Promise<void> => void (await Promise.all([cIcap.stop(), clamd.stop()]));
    return { id, servers: [cIcap, clamd], port, profileFolder: null, stop };
  } catch (error) {
    await clamd.stop();
    throw error;
  }
}

function cIcapConfiguration(home: string, port: number, socket: string): string {
  const modules = MODULES.find((path) => existsSync(path)) ?? MODULES[0]!;
  return `PidFile ${join(home, 'pid')}
CommandsSocket ${join(home, 'ctl')}
Port 127.0.0.1:${port}
ServerName bench
Timeout 300
MaxKeepAliveRequests -1
KeepAliveTimeout 600
StartServers 1
MaxServers 1
MinSpareThreads 1
MaxSpareThreads 33
ThreadsPerChild 32
MaxRequestsPerChild 0
TmpDir ${home}
TemplateDir /usr/share/c_icap/templates/
TemplateDefaultLanguage en
DebugLevel 1
ModulesDir ${modules}
ServicesDir ${modules}
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog ${join(home, 'server.log')}
Module common clamd_mod.so
clamd_mod.ClamdSocket ${socket}
Service antivirus virus_scan.so
ServiceAlias scan antivirus?allow204=on&sizelimit=off&mode=simple
virus_scan.DefaultEngine clamd
virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE DOCUMENT
virus_scan.SendPercentData 0
virus_scan.MaxObjectSize 100M
`;
}
