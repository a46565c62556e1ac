// Weir through its command line, in one of three modes: with c-icap as the scanner, with its own gateway in
// the same process, and without adaptation. Only documented configuration keys are used.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, startServer, TEST_CORE, type Server } from '../host/child.ts';
import { startCIcap } from './c-icap.ts';
import type { Peer, Run } from './peer.ts';

const BUILT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const COMMAND = fileURLToPath(new URL('weir-main.mjs', import.meta.url));

export type WeirMode = 'weir-icap' | 'weir-inprocess' | 'weir-alone';

interface Ports {
  readonly proxy: number;
  readonly gateway: number;
  readonly dashboard: number;
}

/** The configuration, as JSON: every JSON text is YAML too. */
export function weirConfiguration(
  mode: WeirMode,
  ports: Ports,
  home: string,
  originCa: string,
  icapUrl?: string,
): { readonly proxy: object; readonly [section: string]: unknown } {
  const service =
    mode === 'weir-icap'
      ? { url: icapUrl, preview: 1024, inProcess: false }
      : { url: `icap://127.0.0.1:${ports.gateway}/echo`, preview: 1024, inProcess: true };
  const adaptation = {
    services: { echo: service },
    rules: [
      { point: 'reqmod', use: ['echo'] },
      { point: 'respmod', use: ['echo'] },
    ],
  };
  return {
    proxy: {
      listen: `127.0.0.1:${ports.proxy}`,
      certs: join(home, 'certs'),
      upstream: {
        trust: [originCa],
        hosts: { '*.bench.test': '127.0.0.1', '*.test': '127.0.0.1' },
      },
    },
    adaptation: mode === 'weir-alone' ? { rules: [] } : adaptation,
    gateway: { listen: `127.0.0.1:${ports.gateway}`, services: { echo: {} } },
    dashboard: { listen: `127.0.0.1:${ports.dashboard}` },
    log: { level: 'warn' },
    shutdown: { grace: '1s' },
  };
}

/**
 * Starts Weir, and a c-icap of its own where the mode has one, on the tested core.
 *
 * @param proxySection  keys of the section `proxy` beside those of the mode
 * @param sections  other sections, in the place of those of the mode
 * @throws {Error} one of them did not start; the message has its output
 */
export async function startWeir(
  mode: WeirMode,
  run: Run,
  proxySection: Readonly<Record<string, unknown>> = {},
  sections: Readonly<Record<string, unknown>> = {},
): Promise<Peer> {
  if (!existsSync(BUILT)) throw new Error('Weir is not built: run `node bin/build.mjs`');
  const home = run.folder;
  mkdirSync(join(home, 'certs'), { recursive: true });
  const servers: Server[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const icap = mode === 'weir-icap' ? await startCIcap(home) : undefined;
    if (icap !== undefined) servers.push(icap.server);
    const ports = { proxy: await freePort(), gateway: await freePort(), dashboard: await freePort() };
    const configuration = join(home, 'weir.yaml');
    const content = weirConfiguration(mode, ports, home, run.certificates.originCa, icap?.url);
    Object.assign(content.proxy, proxySection);
    Object.assign(content, sections);
    writeFileSync(configuration, `${JSON.stringify(content, null, 2)}\n`);
    const profileFolder = join(home, 'profiles');
    const profiling = run.profile ? ['--cpu-prof', '--cpu-prof-dir', profileFolder] : [];
    const proxy = await startServer({
      name: mode,
      core: TEST_CORE,
      command: process.execPath,
      args: [...profiling, COMMAND, 'start', '--config', configuration],
      port: ports.proxy,
    });
    servers.push(proxy);
    const ca = join(home, 'certs', 'ca.pem');
    return { id: mode, port: ports.proxy, ca, proxy, servers, profileFolder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
