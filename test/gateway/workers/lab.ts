// Worker processes of a gateway with a service, `/slow`, whose every request waits for the test; and
// clients of it. Processes, sockets and the log file are real.

import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../../src/config/load.ts';
import type { ResolvedConfig } from '../../../src/config/types.ts';
import type { PoolStatus } from '../../../src/gateway/workers/messages.ts';
import type { PoolRule } from '../../../src/gateway/workers/pool-rule.ts';
import { GatewaySupervisor } from '../../../src/gateway/workers/supervisor.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { rawClient, type RawClient } from '../../support/rawClient.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';

const BLADE = fileURLToPath(new URL('./gate-blade.mjs', import.meta.url));
const WAIT_MS = 20_000;

export type Rule = Partial<PoolRule>;

export interface PoolSettings {
  readonly workers?: Rule;
  /** More of the `gateway` section. */
  readonly gateway?: Record<string, unknown>;
  readonly stopAfterMs?: number;
  readonly silenceMs?: number;
  /** What verdicts of the blade are about. Default: the message. */
  readonly judges?: 'content';
}

/** A request that a worker judges and that waits for the test. */
export interface Held {
  readonly pid: number;
  readonly url: string;
  /** The verdict: not modified. */
  release(): void;
}

export interface LogLine {
  readonly msg?: string;
  readonly level: string;
  readonly worker?: number;
  readonly [field: string]: unknown;
}

export interface PoolLab extends AsyncDisposable {
  readonly supervisor: GatewaySupervisor;
  readonly port: number;
  /** While this file exists the blade ends its process at setup. */
  readonly brokenFile: string;
  connect(): Promise<RawClient>;
  /** Sends a request for `/slow` and resolves when a worker holds it. */
  hold(client: RawClient, name: string): Promise<Held>;
  /** Everything that the blade was asked for, in order. */
  asked(): readonly Held[];
  /** The same configuration with other values, for a reload. */
  config(settings?: PoolSettings, rules?: string): Promise<ResolvedConfig>;
  /** Resolves once the state of the pool is like that. */
  state(holds: (status: PoolStatus) => boolean): Promise<PoolStatus>;
  /** Resolves with the first line of the log that matches. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  folder: TempDir;
}

const STANDARD: PoolRule = { min: 2, max: 10, minSpare: 10, maxSpare: 20, perProcess: 10 };

export function request(service: string, name = 'x'): string {
  const http = `GET /${name} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  const icap = `REQMOD icap://h/${service} ICAP/1.0\r\nHost: h\r\nAllow: 204\r\n`;
  return `${icap}Encapsulated: req-hdr=0, null-body=${http.length}\r\n\r\n${http}`;
}

export function options(service: string): string {
  return `OPTIONS icap://h/${service} ICAP/1.0\r\nHost: h\r\n\r\n`;
}

/** Starts a supervisor in this process and its workers; resolves when they serve. */
export async function startPool(settings: PoolSettings = {}): Promise<PoolLab> {
  const folder = await tempDir('weir-workers-');
  const gate = await openGate();
  const brokenFile = folder.join('broken');
  const config = async (given: PoolSettings = settings, rules = 'one'): Promise<ResolvedConfig> => {
    const text = JSON.stringify({
      gateway: {
        listen: '127.0.0.1:0',
        services: { slow: { profile: 'gated' } },
        verdicts: { folder: folder.join('verdicts') }, // or a former run's would be remembered
        quarantine: { folder: folder.join('quarantine') },
        workers: { ...STANDARD, ...given.workers },
        ...given.gateway,
      },
      profiles: { gated: { base: 'basic', blades: { gate: { timeout: '60s' } } } },
      plugins: [
        {
          ...{ use: BLADE, isolate: false },
          with: { port: gate.port, broken: brokenFile, rules, judges: given.judges },
        },
      ],
    });
    return (await loadConfig({ path: await folder.write('weir.yaml', text) })).config;
  };
  const logFile = folder.join('log');
  const log = openLog({ level: 'debug', file: logFile });
  const clients: RawClient[] = [];
  const dispose = async (supervisor?: GatewaySupervisor): Promise<void> => {
    await supervisor?.stop(0);
    for (const client of clients) await client[Symbol.asyncDispose]();
    log.close();
    gate.close();
    await folder[Symbol.asyncDispose]();
  };
  try {
    const first = await config();
    const { stopAfterMs, silenceMs } = settings;
    const supervisor = await GatewaySupervisor.start({
      config: first,
      rule: first.gateway.workers!,
      log,
      ...(stopAfterMs === undefined ? {} : { stopAfterMs }),
      ...(silenceMs === undefined ? {} : { silenceMs }),
    });
    const port = supervisor.addresses[0]!.port;
    return {
      supervisor,
      port,
      brokenFile,
      folder,
      connect: async () => {
        const client = await rawClient(port);
        clients.push(client);
        return client;
      },
      hold: async (client, name) => {
        client.send(request('slow', name));
        return await gate.held(name);
      },
      asked: () => gate.asked,
      config,
      state: (holds) =>
        eventually(() => {
          const status = supervisor.status();
          return holds(status) ? status : describe(status);
        }),
      logged: (matches) =>
        eventually(() => {
          log.flush();
          const lines = readFileSync(logFile, 'utf8').split('\n').slice(0, -1);
          return lines.map((line) => JSON.parse(line) as LogLine).find(matches) ?? lines.join('\n');
        }),
      [Symbol.asyncDispose]: () => dispose(supervisor),
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Asks again until the answer is more than a description of what is there; rejects with that in the end. */
export async function eventually<T extends object>(ask: () => T | string): Promise<T> {
  const giveUpAt = Date.now() + WAIT_MS;
  for (;;) {
    const answer = ask();
    if (typeof answer !== 'string') return answer;
    if (Date.now() > giveUpAt) throw new Error(`${WAIT_MS} ms passed; there is only:\n${answer}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** True while a process of that id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when none of the processes is there any more. */
export async function allGone(pids: readonly number[]): Promise<void> {
  await eventually(() => {
    const left = pids.filter(isAlive);
    return left.length === 0 ? left : `processes ${left.join(', ')}`;
  });
}

function describe(status: PoolStatus): string {
  return JSON.stringify(status, null, 1);
}

interface Gate {
  readonly port: number;
  readonly asked: readonly Held[];
  held(name: string): Promise<Held>;
  close(): void;
}

async function openGate(): Promise<Gate> {
  const held = new Map<string, Held>();
  const asked: Held[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (line) => {
      const [pid, url] = line.toString().trim().split(' ');
      const name = url!.slice(url!.lastIndexOf('/') + 1);
      const one = { pid: Number(pid), url: url!, release: () => void socket.write('go') };
      held.set(name, one);
      asked.push(one);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    held: (name) => eventually(() => held.get(name) ?? `requests ${[...held.keys()].join(', ')}`),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
