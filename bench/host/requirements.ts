// What has to be installed for which peer, and the version of each for the page.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';

import { UsageError } from '../options.ts';
import type { PeerId } from '../works.ts';

// Server binaries are often not on a user's PATH.
process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin:/sbin`;

/** Squid's certificate helper; its presence tells a Squid built with OpenSSL from one without. */
const CERTGEN_PATHS = [
  '/usr/lib/squid/security_file_certgen',
  '/usr/lib64/squid/security_file_certgen',
  '/usr/libexec/squid/security_file_certgen',
];

/** Where Squid's certificate helper is, `undefined` if it is not installed. */
export const certgenPath = (): string | undefined => CERTGEN_PATHS.find((path) => existsSync(path));

export function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

type Tool = 'openssl' | 'taskset' | 'squid' | 'c-icap';

/** The Debian package of each. */
const PACKAGES: Readonly<Record<Tool, string>> = {
  openssl: 'openssl',
  taskset: 'util-linux',
  squid: 'squid-openssl',
  'c-icap': 'c-icap',
};

/**
 * Checks that a bench with these tools can run on this machine.
 *
 * @throws {UsageError} one line that names what is missing and the Debian package it is in
 */
export function requireTools(tools: readonly Tool[]): void {
  if (process.platform !== 'linux') throw new UsageError('the comparison reads /proc and runs on Linux only');
  const isThere = (tool: Tool): boolean =>
    hasCommand(tool) && (tool !== 'squid' || certgenPath() !== undefined);
  const packages = tools.filter((tool) => !isThere(tool)).map((tool) => PACKAGES[tool]);
  if (packages.length > 0) {
    throw new UsageError(`missing ${packages.join(', ')}: apt-get install ${packages.join(' ')}`);
  }
  if (cpus().length < 2)
    throw new UsageError('the comparison needs two cores: one for the peer, one for the load');
}

/**
 * Checks that the peers chosen can be started on this machine.
 *
 * @throws {UsageError} as `requireTools`
 */
export function requirePeers(peers: readonly PeerId[]): void {
  const squid = peers.some((peer) => peer.startsWith('squid'));
  requireTools([
    'openssl',
    'taskset',
    ...(squid ? (['squid'] as const) : []),
    ...(squid || peers.includes('weir-icap') ? (['c-icap'] as const) : []),
  ]);
}

function firstLine(command: string, args: readonly string[]): string | undefined {
  if (!hasCommand(command)) return undefined;
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim().split('\n')[0];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly squid: string | undefined;
  readonly cIcap: string | undefined;
  readonly origin: string;
}

/** What the figures were taken on; no host name, no path. */
export function describeMachine(): Machine {
  const version = (text: string | undefined): string | undefined => /\d[\d.]*/.exec(text ?? '')?.[0];
  const nginx = hasCommand('nginx') ? firstLine('nginx', ['-v']) : undefined;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    squid: version(firstLine('squid', ['-v'])),
    cIcap: hasCommand('c-icap')
      ? version(spawnSync('c-icap', ['-V'], { encoding: 'utf8' }).stdout)
      : undefined,
    origin: nginx === undefined ? 'a small Node origin' : `nginx ${version(nginx) ?? ''}`.trim(),
  };
}

/** Runs a tool of the set-up; its output goes into the error if it fails. */
export function runTool(command: string, args: readonly string[], input?: string): void {
  execFileSync(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(input === undefined ? {} : { input }) });
}
