// c-icap with its `echo` service, in the foreground. `echo` answers 204 to every other body, counted in each
// process by itself: one process with many threads keeps that even, which few large bodies need.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, startServer, TEST_CORE, type Server } from '../host/child.ts';

const MODULES = ['/usr/lib/x86_64-linux-gnu/c_icap', '/usr/lib/aarch64-linux-gnu/c_icap', '/usr/lib/c_icap'];

/** A kept-alive connection holds a thread, so there are more threads than a proxy keeps connections. */
const ONE_PROCESS = { processes: 1, threads: 128 };

/**
 * Starts a c-icap of its own for one peer, so that its CPU time is that peer's.
 *
 * @param folder  the peer's own folder
 * @param shape  processes, and threads of each; none is started or stopped later
 * @returns the server and the ICAP URL of its echo service
 */
export async function startCIcap(
  folder: string,
  shape: { readonly processes: number; readonly threads: number } = ONE_PROCESS,
): Promise<{ server: Server; url: string; port: number }> {
  const { processes, threads } = shape;
  const home = join(folder, 'c-icap');
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const modules = MODULES.find((path) => existsSync(path)) ?? MODULES[0];
  const configuration = join(home, 'c-icap.conf');
  writeFileSync(
    configuration,
    `PidFile ${join(home, 'pid')}
CommandsSocket ${join(home, 'ctl')}
Port 127.0.0.1:${port}
ServerName bench
Timeout 300
MaxKeepAliveRequests -1
KeepAliveTimeout 600
StartServers ${processes}
MaxServers ${processes}
MinSpareThreads 1
MaxSpareThreads ${processes * threads + 1}
ThreadsPerChild ${threads}
MaxRequestsPerChild 0
TmpDir ${home}
DebugLevel 1
ModulesDir ${modules}
ServicesDir ${modules}
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog ${join(home, 'server.log')}
Service echo srv_echo.so
`,
  );
  const args = ['-N', '-f', configuration];
  const server = await startServer({ name: 'c-icap', core: TEST_CORE, command: 'c-icap', args, port });
  return { server, url: `icap://127.0.0.1:${port}/echo`, port };
}
