// HAProxy as a balancer in front of an ICAP server: TCP through, with a PROXY header in front.

import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { requirePeer } from './requirePeer.ts';

export interface HAProxy extends AsyncDisposable {
  readonly port: number;
  /** State of the server as HAProxy's checks see it, e.g. `UP`. */
  state(): Promise<string>;
}

export interface HAProxyOptions {
  /** Port of the ICAP server. */
  readonly to: number;
  /** Words of the `server` line, e.g. `send-proxy-v2 check`. */
  readonly server: string;
  /** Address that HAProxy listens on. Default 127.0.0.1. */
  readonly listen?: string;
}

/** Starts HAProxy in the foreground on a free port. */
export async function startHAProxy({ to, server, listen = '127.0.0.1' }: HAProxyOptions): Promise<HAProxy> {
  const command = requirePeer('haproxy');
  const folder = await tempDir('weir-haproxy-');
  try {
    const port = await freePort();
    const statusPort = await freePort();
    const config = await folder.write(
      'haproxy.cfg',
      [
        'global',
        '  maxconn 100',
        'defaults',
        '  mode tcp',
        '  timeout connect 5s',
        '  timeout client 30s',
        '  timeout server 30s',
        'frontend icap',
        `  bind ${listen}:${port}`,
        '  default_backend gateway',
        'backend gateway',
        `  server one 127.0.0.1:${to} ${server} inter 100ms`,
        'frontend status',
        '  mode http',
        `  bind 127.0.0.1:${statusPort}`,
        '  stats enable',
        '  stats uri /',
      ].join('\n') + '\n',
    );
    const running = await supervise(command, ['-db', '-f', config], {
      ready: () => accepts(statusPort),
      impatient: true,
    });
    return {
      port,
      async state() {
        const text = await (await fetch(`http://127.0.0.1:${statusPort}/;csv`)).text();
        const line = text.split('\n').find((row) => row.startsWith('gateway,one,'));
        return line?.split(',')[17] ?? '';
      },
      async [Symbol.asyncDispose]() {
        await running.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
