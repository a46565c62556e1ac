// Builds dist/, so that the sources as they are now get measured.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Longest piece of the compiler's output that is told. */
const OUTPUT_LIMIT = 2000;

/** Builds the checkout at `root`; a failure is told, and dist/ stays as it was. */
export function buildWeir(root: string, tell: (line: string) => void): void {
  const script = join(root, 'bin', 'build.mjs');
  if (!existsSync(script)) return;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', cwd: root });
  if (status === 0) return;
  tell(`bench: the build failed, dist/ is used as it is\n${`${stdout}${stderr}`.slice(0, OUTPUT_LIMIT)}`);
}
