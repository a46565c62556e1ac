// Entry of `npm run fuzz`: runs main.ts through tsx in a process of its own and watches that it goes on, since
// a parser that loops for ever cannot say so itself.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SILENCE_MS = 120_000; // longest turn, shrinking included
const root = fileURLToPath(new URL('../..', import.meta.url));

if (!existsSync(`${root}node_modules/tsx`)) {
  process.stderr.write('fuzz: dependencies are not installed: run `npm install` first\n');
  process.exit(2);
}

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  env: { ...process.env, NODE_OPTIONS: '' },
});

let turn = null; // the last one that was begun
let watchdog;
function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => {
    const what = turn === null ? 'before the first turn' : `in turn ${turn.number} of ${turn.target}`;
    process.stdout.write(`fuzz: FAILED: nothing was heard for ${SILENCE_MS / 1000} s, ${what}: it hangs\n`);
    child.kill('SIGKILL');
  }, SILENCE_MS);
}
child.on('message', (message) => {
  turn = message;
  watch();
});
watch();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
