// Runs shell blocks of pages as a reader would paste them, in a folder of their own. `weir` is a small script
// that hands its words to the command line in this process: starting node for each costs more than what it does.

import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { CliResult } from '../support/runCli.ts';

const TIME_LIMIT_MS = 60_000;
const PASSWORD = 'correct horse battery staple';

const WEIR = `#!/usr/bin/env bash
case " $* " in *' --remove '*) ;; *' --file - '* | *' passwd '*) input=$(cat) ;; esac
exec 3<>"/dev/tcp/127.0.0.1/$DOCS_PORT"
printf '%s\\0' "$PWD" "\${input-}" "$@" | base64 | tr -d '\\n' >&3
echo >&3
{ IFS= read -r code; IFS= read -r out; IFS= read -r err; } <&3
printf '%s' "$out" | base64 -d
printf '%s' "$err" | base64 -d >&2
exit "$code"
`;

export interface PageShell extends AsyncDisposable {
  /** Runs a block with `bash -euo pipefail`; the exit code and what it printed, errors included. */
  run(text: string): Promise<{ readonly exitCode: number; readonly output: string }>;
}

/** One `weir …args`; what it prints as Latin-1, a character a byte. */
export type RunWeir = (
  args: readonly string[],
  options: { readonly cwd: string; readonly stdin: string },
) => Promise<CliResult>;

/** @param folder  where blocks run, and the home of whoever runs them */
export async function openPageShell(folder: string, runWeir: RunWeir): Promise<PageShell> {
  const server = net.createServer((socket) => void answer(socket, runWeir));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const shims = path.join(folder, 'shims');
  await mkdir(shims);
  await mkdir(path.join(folder, 'bin'));
  const script = async (file: string, text: string): Promise<void> => {
    await writeFile(file, text);
    await chmod(file, 0o755);
  };
  await script(path.join(shims, 'weir'), WEIR);
  await script(path.join(folder, 'bin/weir'), WEIR);
  await script(path.join(shims, 'sudo'), '#!/bin/sh\nexec "$@"\n');
  await script(path.join(shims, 'pass'), `#!/bin/sh\necho ${PASSWORD}\n`);
  // What package.json says of `npm start`; the other scripts are not run from pages.
  await script(
    path.join(shims, 'npm'),
    '#!/bin/bash\n[[ "$1" == start ]] || exit 9\n[[ "$2" == -- ]] && shift\nexec weir start "${@:2}"\n',
  );
  const env = {
    ...process.env,
    ...{ NODE_OPTIONS: '', HOME: folder, CURL_HOME: folder, PATH: `${shims}:${process.env.PATH}` },
    DOCS_PORT: String((server.address() as AddressInfo).port),
  };
  return {
    run: (text) =>
      new Promise((resolve, reject) => {
        const options = { cwd: folder, env, timeout: TIME_LIMIT_MS };
        const child = spawn('bash', ['-euo', 'pipefail', '-c', text], options);
        let output = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
        child.stdin.on('error', () => {}); // most read nothing
        child.stdin.end(`${PASSWORD}\n`);
        child.once('error', reject);
        child.once('close', (code) => resolve({ exitCode: code ?? 128, output }));
      }),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** One call of the script `weir`: a line with its folder, input and words, three lines back. */
async function answer(socket: net.Socket, runWeir: RunWeir): Promise<void> {
  socket.on('error', () => {}); // the shell has ended
  for await (const line of createInterface(socket)) {
    const [cwd, stdin, ...args] = Buffer.from(line, 'base64').toString().slice(0, -1).split('\0');
    const { exitCode, stdout, stderr } = await runWeir(args, { cwd: cwd!, stdin: stdin! });
    const coded = [stdout, stderr].map((text) => Buffer.from(text, 'latin1').toString('base64'));
    socket.end(`${[exitCode, ...coded].join('\n')}\n`);
    return;
  }
}
