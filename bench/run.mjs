// Entry of `npm run bench`: runs main.ts through tsx, which is a development dependency.
// Everything else is in TypeScript; this file only has to exist in a bare clone and say what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}node_modules/tsx`)) {
  console.error('bench: dependencies are not installed: run `npm ci` first');
  process.exit(2);
}
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const child = spawn(process.execPath, ['--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// The child stops its own servers on a signal; this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
