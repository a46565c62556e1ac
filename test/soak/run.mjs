// Entry of `npm run soak`: runs main.ts through tsx, which is a development dependency.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from '../../bin/bootstrap.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
if (!(await ensureDependencies(root))) process.exit(1);
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const child = spawn(process.execPath, ['--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  detached: true, // so that Ctrl-C reaches it once, from here
  env: { ...process.env, NODE_OPTIONS: '' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
