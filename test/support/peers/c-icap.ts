// c-icap 0.5 as the foreign ICAP server: its echo service, its 206 demonstration and, given a clamd,
// its virus_scan service, from a configuration in a temporary folder; url_check and content_filtering by
// further lines of configuration. Touches nothing in /etc.

import { access, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, accepts, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { findCIcapModules } from './find.mjs';
import { requirePeer } from './requirePeer.ts';

export type CIcapService = 'echo' | 'ex206' | 'avscan' | 'url_check' | 'srv_content_filtering';

export interface CIcap extends AsyncDisposable {
  readonly port: number;
  /** `icap://127.0.0.1:port/service`. */
  url(service: CIcapService): string;
  /**
   * One line a transaction: method, service, ICAP status, HTTP bytes in and out, X-Client-IP, user. c-icap
   * writes it after its answer: with `wanted`, waits for a few seconds until it is there.
   */
  accessLog(wanted?: RegExp): Promise<string>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface CIcapOptions {
  /** Unix socket of a clamd: adds the service `avscan` (virus_scan). */
  readonly clamdSocket?: string;
  /** Further lines of c-icap.conf, put last. */
  readonly config?: readonly string[];
  /** A free port, for one that is started again at the same place. Default: a new one. */
  readonly port?: number;
}

const LOG_WAIT_MS = 5000;
const LOG_LOOK_MS = 20;

/** Starts c-icap in the foreground, one process with eight threads, on a free port. */
export async function startCIcap(options: CIcapOptions = {}): Promise<CIcap> {
  const command = requirePeer('c-icap');
  const modules = findCIcapModules();
  if (modules === null) throw new Error('c-icap is installed, but its services (srv_echo.so) were not found');
  const folder = await tempDir('weir-c-icap-');
  try {
    const port = options.port ?? (await freePort());
    const serverLog = folder.join('server.log');
    const accessLog = folder.join('access.log');
    const config = await folder.write(
      'c-icap.conf',
      [
        `PidFile ${folder.join('pid')}`,
        `CommandsSocket ${folder.join('ctl')}`,
        `TmpDir ${folder.path}`,
        `Port 127.0.0.1:${port}`,
        'ServerAdmin root@localhost',
        'ServerName c-icap.test',
        'InterProcessSharedMemScheme mmap', // nothing left in /dev/shm, no clash between two of us
        'StartServers 1',
        'MaxServers 1',
        'ThreadsPerChild 8',
        'MinSpareThreads 1',
        'MaxSpareThreads 8',
        'MaxRequestsPerChild 0',
        'MaxKeepAliveRequests -1',
        'KeepAliveTimeout 30',
        'Timeout 30',
        'Pipelining on',
        `ModulesDir ${modules}`,
        `ServicesDir ${modules}`,
        'TemplateDir /usr/share/c_icap/templates/',
        `LoadMagicFile ${await magicFile()}`,
        'RemoteProxyUsers off',
        `ServerLog ${serverLog}`,
        'LogFormat weir "%im %iu %is %Ih %Oh %>a %un"',
        `AccessLog ${accessLog} weir`,
        'Service echo srv_echo.so',
        'Service ex206 srv_ex206.so',
        ...(options.clamdSocket === undefined ? [] : virusScan(options.clamdSocket)),
        ...(options.config ?? []),
      ].join('\n') + '\n',
    );
    const server = await supervise(command, ['-N', '-f', config], {
      ready: () => accepts(port),
      log: () => readFile(serverLog, 'utf8'),
      impatient: true,
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    };
    return {
      port,
      url: (service) => `icap://127.0.0.1:${port}/${service}`,
      accessLog: async (wanted) => {
        const until = performance.now() + LOG_WAIT_MS;
        for (;;) {
          const text = await readFile(accessLog, 'utf8');
          if (wanted === undefined || wanted.test(text) || performance.now() > until) return text;
          await delay(LOG_LOOK_MS);
        }
      },
      log: () => readFile(serverLog, 'utf8'),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

const virusScan = (clamdSocket: string): string[] => [
  'Module common clamd_mod.so',
  `clamd_mod.ClamdSocket ${clamdSocket}`,
  'Service antivirus_module virus_scan.so',
  'ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple',
  'virus_scan.DefaultEngine clamd',
  'virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE',
  'virus_scan.SendPercentData 5',
  'virus_scan.StartSendPercentDataAfter 2M',
  'virus_scan.MaxObjectSize 5M',
];

async function magicFile(): Promise<string> {
  for (const file of ['/etc/c-icap/c-icap.magic', '/usr/local/etc/c-icap.magic']) {
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  throw new Error('c-icap is installed, but its c-icap.magic was not found');
}
