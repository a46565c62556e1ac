// What `npm install weir` gives: the packed tarball in an empty folder, its command and its API.

import { expect, test } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { curl } from '../support/curl.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('the packed package, installed in an empty folder, has a working command and API', async () => {
  await using folder = await tempDir();
  const { stdout: packed } = await run(
    'npm',
    ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder.path],
    {
      cwd: ROOT,
    },
  );
  await folder.write('package.json', '{ "private": true }\n');
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder.path, packed.trim())],
    { cwd: folder.path },
  );

  const env = { ...process.env, XDG_DATA_HOME: join(folder.path, 'data'), NODE_OPTIONS: '' };
  const api = "import('weir').then((weir) => console.log(typeof weir.startWeir, typeof weir.definePlugin))";
  const { stdout: types } = await run(process.execPath, ['-e', api], { cwd: folder.path, env });
  expect(types.trim()).toBe('function function');
  expect(await untypedImports(join(folder.path, 'node_modules'))).toEqual([]);

  const command = join(folder.path, 'node_modules', '.bin', 'weir');
  const weir = spawn(
    command,
    ['start', ...['proxy', 'gateway', 'dashboard'].flatMap((part) => [`--${part}-listen`, '127.0.0.1:0'])],
    {
      cwd: folder.path,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  try {
    let proxy = '';
    for await (const line of createInterface(weir.stderr)) {
      proxy = /proxy\s+(http:\S+)/.exec(line)?.[1] ?? proxy;
      if (line.includes('curl -x')) break;
    }
    await using origin = await originServer((_, response) => void response.end(eicar()));
    const blocked = await curl(['-x', proxy, `${origin.url}/eicar.com`]);
    expect(blocked.status).toBe(403);
    expect(blocked.body.toString()).toContain('EICAR-Test-File');
  } finally {
    weir.kill('SIGTERM');
    await once(weir, 'exit');
  }
}, 120_000);

/** Packages without types that the declarations refer to: with them `tsc --strict` fails in our files. */
async function untypedImports(modules: string): Promise<string[]> {
  const files = [join(modules, 'weir/dist/src/index.d.ts')];
  const packages = new Set<string>();
  for (const file of files) {
    for (const [, from] of (await readFile(file, 'utf8')).matchAll(
      /\b(?:from |import\()['"]([\w@./:-]+)['"]/g,
    )) {
      const next = join(dirname(file), from!.replace(/\.[jt]s$/, '.d.ts'));
      if (!from!.startsWith('.')) packages.add(from!);
      else if (!files.includes(next)) files.push(next);
    }
  }
  expect(files.length).toBeGreaterThan(20);
  const others = [...packages].filter((name) => !name.startsWith('node:'));
  const isTyped = async (name: string): Promise<boolean> => {
    const manifest = join(modules, name, 'package.json');
    return existsSync(manifest) && /"(?:types|typings)":/.test(await readFile(manifest, 'utf8'));
  };
  const typed = await Promise.all(others.map(isTyped));
  return others.filter((_, i) => !typed[i]);
}
