// ClamAV's daemon with a signature database of our own that knows EICAR and nothing else, so that it
// starts in milliseconds and needs no download.

import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { eicar } from '../eicar.ts';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { requirePeer } from './requirePeer.ts';

/** What clamd reports for EICAR here: it marks signatures that are not signed by ClamAV. */
export const CLAMD_EICAR_NAME = 'Eicar-Test-Signature.UNOFFICIAL';

export interface Clamd extends AsyncDisposable {
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** Path of the Unix socket. */
  readonly socketPath: string;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface ClamdOptions {
  /** clamd's StreamMaxLength, e.g. `1M`; default 25M. Longer streams are answered with an error. */
  readonly streamMaxLength?: string;
  /** Further contents of the signature file by MD5 and size: name and bytes. */
  readonly known?: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** Starts clamd in the foreground on a free port and a Unix socket. */
export async function startClamd(options: ClamdOptions = {}): Promise<Clamd> {
  const command = requirePeer('clamd');
  const folder = await tempDir('weir-clamd-');
  try {
    const database = folder.join('db');
    await mkdir(database);
    const sample = eicar();
    const known = [{ name: 'Eicar-Test-Signature', bytes: sample }, ...(options.known ?? [])];
    const hashes = known.map(({ name, bytes }) => {
      return `${createHash('md5').update(bytes).digest('hex')}:${bytes.length}:${name}\n`;
    });
    await folder.write('db/weir.hdb', hashes.join(''));
    await folder.write('db/weir.ndb', `Eicar-Test-Signature:0:*:${sample.toString('hex')}\n`);
    const port = await freePort();
    const socketPath = folder.join('clamd.sock');
    const logPath = folder.join('clamd.log');
    const config = await folder.write(
      'clamd.conf',
      [
        `DatabaseDirectory ${database}`,
        `LocalSocket ${socketPath}`,
        `TCPSocket ${port}`,
        'TCPAddr 127.0.0.1',
        `LogFile ${logPath}`,
        `TemporaryDirectory ${folder.path}`,
        `User ${userInfo().username}`, // otherwise it switches to `clamav` when root, who cannot write here
        `StreamMaxLength ${options.streamMaxLength ?? '25M'}`,
        'Foreground yes',
        'MaxThreads 4',
      ].join('\n') + '\n',
    );
    const server = await supervise(command, ['-c', config], {
      ready: () => Promise.all([accepts(port), accepts(socketPath)]),
      log: () => readFile(logPath, 'utf8'),
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    };
    return { port, socketPath, log: () => readFile(logPath, 'utf8'), stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
