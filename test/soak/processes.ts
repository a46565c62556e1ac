// The processes of a soak: Weir with its proxy, two further Weir gateways, and c-icap, each of which can be
// killed and started again at its port. They end with this process, whatever happens to it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startCIcap, type CIcap } from '../support/peers/c-icap.ts';
import { accepts, freePort } from '../support/supervised.ts';
import type { TempDir } from '../support/tempDir.ts';
import { eventually } from '../streams/weir-child.ts';

const RUNNER = fileURLToPath(new URL('weir-process.mjs', import.meta.url));
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 20_000;
const KEPT_OUTPUT = 64 * 1024; // characters

/** A server that may be killed at any moment. */
export interface Victim {
  readonly name: string;
  readonly port: number;
  readonly up: boolean;
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: it accepts connections, and says nothing. Null where that cannot be done. */
  readonly freeze: ((frozen: boolean) => void) | null;
}

export class WeirInstance implements Victim {
  readonly name: string;
  readonly port: number;
  readonly #command: string;
  readonly #configPath: string;
  readonly #memoryPath: string;
  #child: ChildProcess | null = null;
  #output = '';

  /** @param port  where it listens once it is ready */
  constructor(name: string, command: 'start' | 'gateway', port: number, folder: TempDir) {
    this.name = name;
    this.port = port;
    this.#command = command;
    this.#configPath = folder.join(`${name}.yaml`);
    this.#memoryPath = folder.join(`${name}.memory`);
  }

  get up(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** What it printed so far: the last 64 Ki characters. */
  get output(): string {
    return this.#output;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [RUNNER, this.#command, '--config', this.#configPath], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Ctrl-C is for the soak alone
      env: { ...process.env, NODE_OPTIONS: '', WEIR_SOAK_MEMORY: this.#memoryPath },
    });
    this.#child = child;
    endWithUs.add(child);
    child.once('exit', () => endWithUs.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
      });
    }
    await this.listensAt([this.port]);
  }

  /** Resolves once it accepts connections at all of these ports. */
  async listensAt(ports: readonly number[]): Promise<void> {
    const ready = async (): Promise<boolean> => {
      if (!this.up) throw new Error(`${this.name} ended while it started:\n${this.#output}`);
      return Promise.all(ports.map((port) => accepts(port))).then(
        () => true,
        () => false,
      );
    };
    await eventually(ready, `${this.name} at its ports`, START_LIMIT_MS);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  readonly freeze = (frozen: boolean): void => void this.#child?.kill(frozen ? 'SIGSTOP' : 'SIGCONT');

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** SIGTERM. @returns its exit code, or the signal that ended it */
  async stop(): Promise<number | string> {
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#end('SIGTERM');
    clearTimeout(timer);
    return this.#child!.exitCode ?? this.#child!.signalCode!;
  }

  /** Memory in bytes after its garbage has been collected. */
  async memory(): Promise<NodeJS.MemoryUsage> {
    rmSync(this.#memoryPath, { force: true });
    this.#child!.kill('SIGUSR2');
    await eventually(() => existsSync(this.#memoryPath), 'the figures of its memory', 10_000);
    return JSON.parse(readFileSync(this.#memoryPath, 'utf8')) as NodeJS.MemoryUsage;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.up) return;
    const gone = once(this.#child!, 'exit');
    this.#child!.kill(signal);
    await gone;
  }
}

const endWithUs = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of endWithUs) child.kill('SIGKILL');
});

/** c-icap with its echo service, always at the same port. */
export class CIcapInstance implements Victim {
  readonly name = 'c-icap';
  readonly freeze = null;
  readonly port: number;
  #running: CIcap | null = null;

  constructor(port: number) {
    this.port = port;
  }

  get up(): boolean {
    return this.#running !== null;
  }

  async start(): Promise<void> {
    this.#running = await startCIcap({ port: this.port });
  }

  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.stop();
  }
}

/** Processes that were started with this folder, by us or by one of ours, except `but`. */
export function processesOf(folder: TempDir, but: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === but) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(`=${folder.path}/`)
        ? [Number(name)]
        : [];
    } catch {
      return []; // it has ended, or is not ours
    }
  });
}

/** So many different ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
