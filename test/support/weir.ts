// Weir with a configuration of the test's own: in this process, or as a child of its built command line.
// Ports are free ones, the CA and the log file are in a temporary folder; what the log says is parsed.

import { readFileSync, statSync } from 'node:fs';
import { type ReloadResult, type RunningWeir, startWeir } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type CurlResult, curl } from './curl.ts';
import { spawnWeir, type WeirProcess } from './runCli.ts';
import { freePort } from './supervised.ts';
import { type TempDir, tempDir } from './tempDir.ts';
import { testCa } from './testCa.ts';

const LOG_WAIT_MS = 5000;
const LOG_POLL_MS = 5;
const CHILD_START_MS = 120_000; // may have to build first

/** A line of the log: a transaction of the proxy (`kind: 'proxy'`), of the gateway, or an event. */
export interface LogRecord {
  readonly kind?: 'proxy' | 'gateway';
  readonly level: string;
  readonly msg?: string;
  readonly id: string;
  readonly url: string;
  readonly status: number;
  readonly method: string;
  readonly verdict: string;
  readonly incident: string | null;
  readonly threat: { readonly name: string; readonly blade: string | null } | null;
  readonly tls: { readonly sni: string | null; readonly action: string } | null;
  readonly adaptation: readonly {
    readonly service: string;
    readonly method: string;
    readonly icapStatus: number | null;
    readonly preview: number | null;
    readonly verdict: string;
  }[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly [field: string]: unknown;
}

export interface TestWeir extends AsyncDisposable {
  readonly proxyPort: number;
  readonly gatewayPort: number;
  /** PEM file of the CA that signs what clients see. */
  readonly caPath: string;
  /** PEM text of the same. */
  readonly ca: string;
  /** Runs curl through the proxy, trusting the CA. */
  curl(...args: string[]): Promise<CurlResult>;
  /** All lines of the log that were written so far. */
  log(): readonly LogRecord[];
  /** Resolves with the lines that match once there are `count` of them. */
  logged(matches: (record: LogRecord) => boolean, count?: number): Promise<LogRecord[]>;
  /** Stops with that grace period; safe to call twice. */
  stop(graceMs?: number): Promise<void>;
}

/** A Weir in the test's own process, whose configuration can be changed. */
export interface LocalWeir extends TestWeir {
  readonly weir: RunningWeir;
  /** Folder of the configuration; the CA is in `certs`, the log in `log`. */
  readonly folder: TempDir;
  /** Reloads with other settings, completed as at the start. */
  reload(settings: WeirSettings): Promise<ReloadResult>;
}

/** A part of weir.yaml; the same keys, and objects where the file has maps. */
export interface WeirSettings {
  readonly proxy?: Record<string, unknown>;
  readonly adaptation?: Record<string, unknown>;
  readonly gateway?: Record<string, unknown>;
  readonly [section: string]: unknown;
}

/** Settings with addresses for a test, the lab's test CA trusted, and `*.test` at 127.0.0.1. */
async function completed(settings: WeirSettings, gatewayPort: number, folder: string): Promise<string> {
  const { proxy = {}, gateway = {}, ...rest } = settings;
  const { upstream = {}, ...proxyRest } = proxy as { upstream?: Record<string, unknown> };
  const config = {
    proxy: {
      listen: '127.0.0.1:0',
      certs: `${folder}/certs`,
      upstream: { trust: [(await testCa()).certPath], hosts: { '*.test': '127.0.0.1' }, ...upstream },
      ...proxyRest,
    },
    gateway: {
      listen: `127.0.0.1:${gatewayPort}`,
      verdicts: { folder: `${folder}/verdicts` },
      quarantine: { folder: `${folder}/quarantine` },
      ...gateway,
    },
    dashboard: { listen: '127.0.0.1:0' },
    log: { file: `${folder}/log` },
    trace: { folder: `${folder}/trace` },
    usercheck: { folder: `${folder}/usercheck` },
    // Emulation would start a thread for nearly every test; suites of its own load it.
    plugins: ['./plugins/antivirus'],
    ...rest,
  };
  return JSON.stringify(config, null, 2); // every JSON text is YAML too
}

/**
 * Starts both halves in this process.
 * @param settings may name the gateway's port as `gatewayPort` when it is a function of it
 */
export async function startTestWeir(
  settings: WeirSettings | ((gatewayPort: number) => WeirSettings) = {},
): Promise<LocalWeir> {
  const folder = await tempDir('weir-lab-');
  try {
    const gatewayPort = await freePort();
    const given = typeof settings === 'function' ? settings(gatewayPort) : settings;
    const path = await folder.write('weir.yaml', await completed(given, gatewayPort, folder.path));
    const { config } = await loadConfig({ path });
    const weir = await startWeir(config, { proxy: true, gateway: true });
    let stopped: Promise<void> | null = null;
    const reload = async (next: WeirSettings): Promise<ReloadResult> => {
      await folder.write('weir.yaml', await completed(next, gatewayPort, folder.path));
      return weir.reload((await loadConfig({ path })).config);
    };
    const local = handle({
      proxyPort: portOf(weir.proxyAddresses[0]!),
      gatewayPort,
      caPath: weir.ca!.path,
      logPath: folder.join('log'),
      flushLog: () => weir.flushLog?.(),
      stop: (graceMs) => {
        stopped ??= weir.stop(graceMs);
        return stopped;
      },
      dispose: () => folder[Symbol.asyncDispose](),
    });
    return Object.assign(local, { weir, folder, reload });
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** A Weir in a process of its own, started by `bin/weir start`. */
export interface WeirChild extends TestWeir {
  readonly process: WeirProcess;
}

/** Starts `bin/weir start` and resolves when it listens. */
export async function spawnTestWeir(settings: WeirSettings = {}): Promise<WeirChild> {
  const folder = await tempDir('weir-lab-');
  const gatewayPort = await freePort();
  const path = await folder.write('weir.yaml', await completed(settings, gatewayPort, folder.path));
  const child = spawnWeir(['start', '--config', path], { cwd: folder.path });
  try {
    const proxy = await child.prints(/proxy +http:\/\/127\.0\.0\.1:(\d+)/, CHILD_START_MS);
    await child.prints(/CA +\S+ca\.pem/);
    const weir = handle({
      proxyPort: Number(proxy[1]),
      gatewayPort,
      caPath: folder.join('certs/ca.pem'),
      logPath: folder.join('log'),
      flushLog: () => {},
      stop: async () => {
        child.child.kill('SIGTERM');
        await child.exited;
      },
      dispose: async () => {
        await child[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    });
    return Object.assign(weir, { process: child });
  } catch (error) {
    await child[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly proxyPort: number;
  readonly gatewayPort: number;
  readonly caPath: string;
  readonly logPath: string;
  flushLog(): void;
  stop(graceMs: number): Promise<void>;
  dispose(): PromiseLike<void>;
}

function handle(parts: Parts): TestWeir {
  const { proxyPort, gatewayPort, caPath, logPath, flushLog, stop, dispose } = parts;
  const log = logReader(logPath);
  return {
    proxyPort,
    gatewayPort,
    caPath,
    ca: readFileSync(caPath, 'utf8'),
    curl: (...args) => curl(['--proxy', `http://127.0.0.1:${proxyPort}`, '--cacert', caPath, ...args]),
    log,
    async logged(matches, count = 1) {
      const giveUpAt = Date.now() + LOG_WAIT_MS;
      for (;;) {
        const found = log().filter(matches);
        if (found.length >= count) return found;
        if (Date.now() > giveUpAt) {
          const last = log()
            .slice(-10)
            .map((record) => JSON.stringify(record));
          throw new Error(`${found.length} of ${count} log records; the last ones are\n${last.join('\n')}`);
        }
        flushLog();
        await new Promise((resolve) => setTimeout(resolve, LOG_POLL_MS));
      }
    },
    stop: (graceMs = 0) => stop(graceMs),
    async [Symbol.asyncDispose]() {
      await stop(0);
      await dispose();
    },
  };
}

/** Reads what the file has grown by since the last call; a line that is still being written is left for later. */
function logReader(file: string): () => LogRecord[] {
  const records: LogRecord[] = [];
  let offset = 0;
  return () => {
    const { size } = statSync(file);
    if (size === offset) return records;
    const text = readFileSync(file).subarray(offset).toString();
    const complete = text.slice(0, text.lastIndexOf('\n') + 1);
    offset += Buffer.byteLength(complete);
    for (const line of complete.split('\n')) if (line !== '') records.push(JSON.parse(line) as LogRecord);
    return records;
  };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
