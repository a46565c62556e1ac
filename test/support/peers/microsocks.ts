// microsocks, a small SOCKS5 server, as a parent proxy of another make.

import { accepts, freePort, supervise } from '../supervised.ts';
import { requirePeer } from './requirePeer.ts';

export interface MicroSocks extends AsyncDisposable {
  readonly port: number;
  /** What it has printed: a line for each connection, with the target. */
  output(): string;
}

/** Starts it on a free port; with a log-in, nobody is let in without. */
export async function startMicroSocks(login?: { user: string; password: string }): Promise<MicroSocks> {
  const command = requirePeer('microsocks');
  const port = await freePort();
  const access = login === undefined ? [] : ['-u', login.user, '-P', login.password];
  const server = await supervise(command, ['-i', '127.0.0.1', '-p', String(port), ...access], {
    ready: () => accepts(port),
    impatient: true,
  });
  return { port, output: () => server.output(), [Symbol.asyncDispose]: () => server.stop() };
}
