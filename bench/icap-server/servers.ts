// The servers under test: Weir's gateway alone, through its command line and documented keys, and c-icap
// with 3 processes of 10 threads.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, startServer, TEST_CORE, type Server } from '../host/child.ts';
import { startCIcap } from '../peers/c-icap.ts';
import type { ServerId } from './works.ts';

const BUILT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const COMMAND = fileURLToPath(new URL('../peers/weir-main.mjs', import.meta.url));
const PLUGIN = fileURLToPath(new URL('whole-body-plugin.mjs', import.meta.url));

export interface TestedServer {
  readonly id: ServerId;
  readonly server: Server;
  readonly port: number;
  /** Where its CPU profiles appear once it has stopped. */
  readonly profileFolder?: string;
}

export interface GatewayOptions {
  /** Worker processes; 0: one process does it all. */
  readonly workers: number;
  /** As `taskset -c` takes them. */
  readonly cores: number | string;
  readonly profile: boolean;
}

/** The configuration, as JSON: every JSON text is YAML too. */
export function gatewayConfiguration(port: number, unused: number, workers: number): unknown {
  return {
    gateway: {
      listen: `127.0.0.1:${port}`,
      workers: { min: workers, max: Math.max(workers, 1) },
      services: { echo: {}, whole: { profile: 'whole' } },
    },
    profiles: { whole: { blades: { antivirus: { enabled: false }, whole: { enabled: true } } } },
    plugins: [{ use: PLUGIN }],
    dashboard: { listen: `127.0.0.1:${unused}` },
    log: { level: 'warn' },
    shutdown: { grace: '1s' },
  };
}

/**
 * Starts the gateway.
 *
 * @param folder  of its own, made here
 * @throws {Error} it did not start; the message has its output
 */
export async function startGateway(folder: string, options: GatewayOptions): Promise<TestedServer> {
  if (!existsSync(BUILT)) throw new Error('Weir is not built: run `node bin/build.mjs`');
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const configuration = join(folder, 'weir.yaml');
  const content = gatewayConfiguration(port, await freePort(), options.workers);
  writeFileSync(configuration, `${JSON.stringify(content, null, 2)}\n`);
  const profileFolder = join(folder, 'profiles');
  const profiling = options.profile ? ['--cpu-prof', '--cpu-prof-dir', profileFolder] : [];
  const server = await startServer({
    name: 'weir',
    core: options.cores,
    command: process.execPath,
    args: [...profiling, COMMAND, 'gateway', '--config', configuration],
    port,
  });
  return { id: 'weir', server, port, profileFolder };
}

/** Starts a server for the comparison, on the tested core. */
export async function startTested(id: ServerId, folder: string, profile: boolean): Promise<TestedServer> {
  if (id === 'weir') return startGateway(folder, { workers: 0, cores: TEST_CORE, profile });
  const { server, port } = await startCIcap(folder, { processes: 3, threads: 10 });
  return { id, server, port };
}
