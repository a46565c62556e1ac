// Runs c-icap's command-line client: a foreign ICAP client to try our server with.

import { execFile } from 'node:child_process';
import { requirePeer } from './requirePeer.ts';

const TIME_LIMIT_MS = 20_000;

export interface CIcapClientResult {
  readonly exitCode: number;
  /** The body it received (unless `-o` was given). */
  readonly stdout: string;
  /** Report: addresses and, with `-v`, the ICAP and HTTP headers received. */
  readonly stderr: string;
}

/**
 * Runs `c-icap-client -i host -p port -s service …args`.
 * @param url `icap://host:port/service`; without `-f FILE` in `args` it sends OPTIONS
 */
export function cIcapClient(url: string, args: readonly string[] = []): Promise<CIcapClientResult> {
  const command = requirePeer('c-icap-client');
  const { hostname, port, pathname, search } = new URL(url);
  const server = [
    '-i',
    hostname.replace(/^\[|\]$/g, ''),
    '-p',
    port || '1344',
    '-s',
    pathname.slice(1) + search,
  ];
  return new Promise((resolve) => {
    execFile(
      command,
      [...server, ...args],
      { timeout: TIME_LIMIT_MS, encoding: 'latin1' },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ exitCode, stdout, stderr });
      },
    );
  });
}
