// e2guardian 5 as a foreign ICAP client: an explicit HTTP proxy whose content scanner `icapscan` sends every
// response body to the given service. It filters nothing itself. Everything it writes is in a temporary folder.

import { mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { requirePeer } from './requirePeer.ts';

export interface E2guardian extends AsyncDisposable {
  /** HTTP proxy, for http:// URLs with numeric hosts. */
  readonly port: number;
  /** A tab-separated line a request: URL, status, size, `*SCANNED*` or `*INFECTED*`. */
  accessLog(): Promise<string>;
  stop(): Promise<void>;
}

export interface E2guardianOptions {
  /** URL of the ICAP service; it must answer OPTIONS before e2guardian starts. */
  readonly respmod: string;
}

const quoted = (settings: Record<string, string | number>): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key} = ${typeof value === 'number' ? value : `'${value}'`}\n`)
    .join('');

/** Starts e2guardian in the foreground on a free port. */
export async function startE2guardian(options: E2guardianOptions): Promise<E2guardian> {
  const command = requirePeer('e2guardian');
  const folder = await tempDir('weir-e2guardian-');
  try {
    const port = await freePort();
    const { username } = userInfo(); // otherwise it becomes `e2guardian`, who cannot write here
    const log = folder.join('access.log');
    await mkdir(folder.join('cache'));
    const config = await folder.write(
      'e2guardian.conf',
      quoted({
        languagedir: '/usr/share/e2guardian/languages',
        language: 'ukenglish',
        usecustombannedimage: 'off',
        usecustombannedflash: 'off',
        filterip: '127.0.0.1',
        filterports: port,
        filtergroups: 1,
        filtergroupslist: await folder.write('groups', ''),
        preauthstoryboard: await folder.write(
          'preauth.story',
          'function(pre-authcheck)\nif(true) return false\n',
        ),
        contentscanner: await folder.write(
          'icapscan.conf',
          quoted({ plugname: 'icapscan', icapurl: options.respmod }),
        ),
        contentscannertimeout: 20,
        downloadmanager: '/etc/e2guardian/downloadmanagers/default.conf',
        maxcontentfiltersize: 256, // KiB
        maxcontentramcachescansize: 1000, // KiB: larger bodies are scanned from a file
        maxcontentfilecachescansize: 20_000, // KiB
        filecachedir: folder.join('cache'),
        initialtrickledelay: 20,
        trickledelay: 10,
        proxytimeout: 5,
        connecttimeout: 5,
        proxyexchange: 61,
        pcontimeout: 55,
        httpworkers: 20,
        nodaemon: 'on',
        pidfilename: folder.join('pid'),
        daemonuser: username,
        daemongroup: username,
        loglevel: 3,
        logfileformat: 6,
        loglocation: log,
      }),
    );
    await folder.write(
      'e2guardianf1.conf',
      quoted({
        groupname: 'all',
        storyboard: await folder.write(
          'all.story',
          'function(checkrequest)\nif(true) return setgrey\nfunction(checkresponse)\nif(true) return false\n',
        ),
        naughtynesslimit: 1000,
        maxuploadsize: -1,
        reportinglevel: 3,
      }),
    );
    const server = await supervise(command, ['-N', '-c', config], {
      ready: () => accepts(port),
      impatient: true,
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    };
    return { port, accessLog: () => readFile(log, 'utf8'), stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
