// Weir as a process of its own, so that its memory, its descriptors and its temporary files can be
// measured on it alone. Origins under *.origin.test are at 127.0.0.1; hosts choose the service, see ROUTES.

import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { spawnWeir, type WeirProcess } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';

const MEBIBYTE = 1024 * 1024;
/** Longest start, which may have to build first. */
export const START_LIMIT_MS = 120_000;
const SAMPLE_MS = 50;

/** How each host of the tests is adapted. `foreign` and `avscan` need an ICAP server of their own. */
export type Route = 'plain' | 'scan' | 'scantcp' | 'echo' | 'echotcp' | 'foreign' | 'avscan';

export interface WeirChildOptions {
  /** ICAP URLs of servers that are not Weir's. */
  readonly foreign?: string;
  readonly avscan?: string;
  /** Points at which messages are adapted; default both. */
  readonly points?: readonly ('reqmod' | 'respmod')[];
  /** Value of `adaptation.hold`; default 0, so that answers of ICAP servers are streamed. */
  readonly hold?: string;
  /** Value of `adaptation.spool.memory`; default Weir's own. */
  readonly spoolMemory?: string;
  /** Value of `adaptation.spool.folder`; default a folder that exists inside the child's own. */
  readonly spoolFolder?: string;
  /** Value of `plugins`; default the antivirus of the checkout. */
  readonly plugins?: unknown;
  /** Value of `profiles`. */
  readonly profiles?: unknown;
}

export interface LogRecord {
  readonly kind?: 'proxy' | 'gateway';
  readonly url?: string;
  readonly status?: number;
  readonly icapStatus?: number;
  readonly verdict?: string;
  readonly msg?: string;
  /** Milliseconds since 1970, where a test's blade notes them. */
  readonly at?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface WeirChild extends AsyncDisposable {
  readonly process: WeirProcess;
  /** Of the Node process itself. */
  readonly pid: number;
  readonly port: number;
  readonly gatewayPort: number;
  /** PEM text of the CA that signs what clients see. */
  readonly ca: string;
  readonly caPath: string;
  readonly spoolFolder: string;
  /** Log records written so far. */
  records(): Promise<LogRecord[]>;
  /** Resolves with the first record that fits; looks again while the log is being flushed. */
  record(fits: (record: LogRecord) => boolean): Promise<LogRecord>;
}

/** Starts Weir with one service and one rule a route. */
export async function startWeirChild(options: WeirChildOptions = {}): Promise<WeirChild> {
  const folder = await tempDir('weir-streams-');
  const gatewayPort = await freePort();
  const spoolFolder = options.spoolFolder ?? folder.join('spool');
  if (options.spoolFolder === undefined) await mkdir(spoolFolder);
  const own = `icap://127.0.0.1:${gatewayPort}`;
  const services: Partial<Record<Route, { url: string; inProcess?: boolean }>> = {
    scan: { url: `${own}/sandblast` },
    scantcp: { url: `${own}/sandblast`, inProcess: false },
    echo: { url: `${own}/echo` },
    echotcp: { url: `${own}/echo`, inProcess: false },
    ...(options.foreign === undefined ? {} : { foreign: { url: options.foreign } }),
    ...(options.avscan === undefined ? {} : { avscan: { url: options.avscan } }),
  };
  const logFile = folder.join('weir.log');
  const config = {
    proxy: {
      listen: '127.0.0.1:0',
      certs: 'certs',
      upstream: { trust: [(await testCa()).certPath], hosts: { '*.origin.test': '127.0.0.1' } },
    },
    gateway: {
      listen: `127.0.0.1:${gatewayPort}`,
      verdicts: { folder: 'verdicts' },
      quarantine: { folder: 'quarantine' },
    },
    usercheck: { folder: 'usercheck' },
    adaptation: {
      services,
      rules: (options.points ?? ['reqmod', 'respmod']).flatMap((point) =>
        Object.keys(services).map((use) => ({ point, use: [use], when: { hosts: [`${use}.origin.test`] } })),
      ),
      hold: options.hold ?? 0,
      spool: {
        folder: spoolFolder,
        ...(options.spoolMemory === undefined ? {} : { memory: options.spoolMemory }),
      },
    },
    // Emulation would have threads and files of its own.
    plugins: options.plugins ?? ['antivirus'],
    ...(options.profiles === undefined ? {} : { profiles: options.profiles }),
    dashboard: { listen: '127.0.0.1:0' },
    trace: { folder: 'trace' },
    log: { file: logFile },
    shutdown: { grace: '1s' },
  };
  const configFile = await folder.write('weir.yaml', JSON.stringify(config)); // JSON is YAML
  const child = spawnWeir(['start', '--config', configFile], { cwd: folder.path });
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  try {
    const port = Number((await child.prints(/proxy +http:\/\/127\.0\.0\.1:(\d+)/, START_LIMIT_MS))[1]);
    const caPath = folder.join('certs/ca.pem');
    const records = async (): Promise<LogRecord[]> => {
      const lines = (await readFile(logFile, 'utf8').catch(() => '')).split('\n');
      return lines.slice(0, -1).map((line) => JSON.parse(line) as LogRecord);
    };
    return {
      process: child,
      pid: child.child.pid!,
      port,
      gatewayPort,
      ca: await readFile(caPath, 'utf8'),
      caPath,
      spoolFolder,
      records,
      record: (fits) => eventually(async () => (await records()).find(fits), 'a log record'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Asks again until `what` gives something, for state that has no event, as that of another process. */
export async function eventually<T>(
  what: () => T | undefined | false | Promise<T | undefined | false>,
  name: string,
  limitMs = 15_000,
): Promise<T> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`${name} did not come within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Open descriptors of a process. */
export function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** Threads of a process. */
export function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Resident memory of a process in MiB. */
export function residentMemory(pid: number): number {
  return statusField(pid, 'VmRSS');
}

export interface MemoryWatch extends Disposable {
  /** Growth from the start to the peak, in MiB. */
  stop(): { readonly before: number; readonly peak: number; readonly growth: number };
}

/** Watches a process's resident memory from now on. */
export function watchMemory(pid: number): MemoryWatch {
  // Resets VmHWM, so that no peak between two samples is missed; kernels without it leave the samples.
  let exact = true;
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    exact = false;
  }
  const before = residentMemory(pid);
  let peak = before;
  const sample = (): void => {
    peak = Math.max(peak, residentMemory(pid));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      if (exact) peak = Math.max(peak, statusField(pid, 'VmHWM'));
      return { before, peak, growth: peak - before };
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function statusField(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / MEBIBYTE;
}

/** A process's TCP connections as `local port → remote port state`, for looking at what is left. */
export function connections(pid: number): string[] {
  const inodes = new Set(descriptors(pid).map((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1]));
  const port = (end: string): number => parseInt(end.split(':')[1]!, 16);
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[9] !== undefined && inodes.has(fields[9]))
    .map((fields) => `${port(fields[1]!)} → ${port(fields[2]!)} ${fields[3]}`);
}

/** Bytes that wait in the kernel's buffers of all connections from or to these ports (IPv4). */
export function kernelBuffers(ports: readonly number[]): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, remote, , queues] = line.trim().split(/\s+/);
    if (queues === undefined) continue;
    const isTheirs = [local, remote].some((end) => ports.includes(parseInt(end!.split(':')[1]!, 16)));
    if (isTheirs) for (const queue of queues.split(':')) bytes += parseInt(queue, 16);
  }
  return bytes;
}

/** Paths of all spool files below the child's spool folder. */
export function spoolFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.body'))
    .map((name) => path.join(folder, name));
}

/** Bytes in all of them. */
export function spooledBytes(folder: string): number {
  return spoolFiles(folder).reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
