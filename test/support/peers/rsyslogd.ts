// rsyslogd, a syslog receiver of another make: takes messages by UDP, TCP and TLS and writes what it has
// understood of each, a line a message.

import { readFile } from 'node:fs/promises';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { testCa } from '../testCa.ts';
import { requirePeer } from './requirePeer.ts';

export interface Rsyslogd extends AsyncDisposable {
  readonly ports: { readonly udp: number; readonly tcp: number; readonly tls: number };
  /** Resolves with the first line that has that text: `priority|host|application|message id|message`. */
  line(text: string): Promise<string>;
}

const WAIT_MS = 10_000;
const POLL_MS = 10;

/** Starts it; its certificate is for `localhost`, by testCa(). */
export async function startRsyslogd(): Promise<Rsyslogd> {
  const command = requirePeer('rsyslogd');
  const folder = await tempDir('weir-rsyslog-');
  const [udp, tcp, tls] = [await freePort(), await freePort(), await freePort()];
  const ca = await testCa();
  const { cert, key } = await ca.issue(['localhost']);
  const files = { cert: await folder.write('cert.pem', cert), key: await folder.write('key.pem', key) };
  const output = folder.join('messages');
  const config = `
    global(workDirectory="${folder.path}" defaultNetstreamDriverCAFile="${ca.certPath}"
           defaultNetstreamDriverCertFile="${files.cert}" defaultNetstreamDriverKeyFile="${files.key}")
    module(load="imudp")
    module(load="imtcp")
    template(name="seen" type="string" string="%pri%|%hostname%|%app-name%|%msgid%|%msg%\\n")
    input(type="imudp" address="127.0.0.1" port="${udp}")
    input(type="imtcp" address="127.0.0.1" port="${tcp}")
    input(type="imtcp" address="127.0.0.1" port="${tls}" streamDriver.name="gtls" streamDriver.mode="1"
          streamDriver.authMode="anon")
    action(type="omfile" file="${output}" template="seen")`;
  const path = await folder.write('rsyslog.conf', config);
  const server = await supervise(command, ['-n', '-f', path, '-i', folder.join('pid')], {
    ready: () => accepts(tls),
    impatient: true,
  });
  return {
    ports: { udp, tcp, tls },
    async line(text) {
      for (let waited = 0; ; waited += POLL_MS) {
        const lines = (await readFile(output, 'utf8').catch(() => '')).split('\n');
        const found = lines.slice(0, -1).find((line) => line.includes(text));
        if (found !== undefined) return found;
        if (waited > WAIT_MS) throw new Error(`rsyslogd has not seen ${text}: ${server.output()}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
