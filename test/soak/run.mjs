// Entry of `npm run soak`: builds what is out of date, then runs main.ts through tsx.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap } from '../../bin/bootstrap.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
if (!(await bootstrap(root))) process.exit(1);
if (!existsSync(`${root}node_modules/tsx`)) {
  process.stderr.write('soak: dependencies are not installed: run `npm install` first\n');
  process.exit(2);
}
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const child = spawn(process.execPath, ['--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NODE_OPTIONS: '' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
