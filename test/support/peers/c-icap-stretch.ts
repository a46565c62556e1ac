// Runs c-icap's load generator: many threads of a foreign ICAP client, each sending one of the files (or
// one of the URLs) after the other. It counts what failed and ends with a table of numbers.

import { execFile } from 'node:child_process';
import { requirePeer } from './requirePeer.ts';

const TIME_LIMIT_MS = 25_000;

export interface StretchOptions {
  readonly threads: number;
  /** It serves a few more, since every thread finishes what it has begun. */
  readonly requests: number;
  /** Paths of files to send as responses; or else `urls`. */
  readonly files?: readonly string[];
  /** Path of a file with a URL a line, to send as requests without body. */
  readonly urls?: string;
}

export interface StretchResult {
  readonly exitCode: number;
  readonly served: number;
  /** Requests and writes that failed, softly (the server closed, it tried again) or for good. */
  readonly failed: number;
  readonly output: string;
}

/** Runs `c-icap-stretch` against `icap://host:port/service` until its requests are done. */
export function cIcapStretch(url: string, options: StretchOptions): Promise<StretchResult> {
  const { hostname, port, pathname } = new URL(url);
  const { threads, requests, files = [], urls } = options;
  const args = ['-i', hostname, '-p', port || '1344', '-s', pathname.slice(1)];
  args.push('-t', String(threads), '-m', String(requests));
  args.push(...(urls === undefined ? files : ['-req', '-urls', urls]));
  return new Promise((resolve) => {
    execFile(
      requirePeer('c-icap-stretch'),
      args,
      { timeout: TIME_LIMIT_MS, encoding: 'latin1', maxBuffer: Infinity },
      (error, stdout, stderr) => {
        const output = stdout + stderr;
        const count = (name: RegExp): number => {
          const found = [...output.matchAll(name)];
          return found.length === 0 ? NaN : found.reduce((sum, [, number]) => sum + Number(number), 0);
        };
        resolve({
          exitCode: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
          served: count(/Requests served :(\d+)/g),
          failed: count(/(?:Requests (?:soft )?failed|Write Errors) :(\d+)/g),
          output,
        });
      },
    );
  });
}
