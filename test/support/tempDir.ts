// Temporary folders for tests, removed when their scope ends, and the one place that knows how a
// helper cleans up at the end of a test file (jest offers afterAll; a script outside jest has 'exit').

import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** Absolute path of `name` in the folder; creates nothing. */
  join(name: string): string;
  /** Writes a file into the folder and returns its absolute path. */
  write(name: string, data: string | Buffer, mode?: number): Promise<string>;
}

/** A new empty folder with mode 0700; disposing removes it with all it holds. */
export async function tempDir(prefix = 'weir-test-'): Promise<TempDir> {
  const folder = await mkdtemp(path.join(tmpdir(), prefix));
  const join = (name: string): string => path.join(folder, name);
  return {
    path: folder,
    join,
    async write(name, data, mode = 0o644) {
      await writeFile(join(name), data, { mode });
      return join(name);
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true, maxRetries: 8 });
    },
  };
}

const sharedFolders = new Set<string>();
const removeShared = (): void => {
  for (const folder of sharedFolders) rmSync(folder, { recursive: true, force: true });
  sharedFolders.clear();
};
// Registered while this module loads, because jest refuses new hooks once a test runs.
const { afterAll } = globalThis as { afterAll?: (hook: () => void) => void };
if (afterAll === undefined) process.once('exit', removeShared);
else afterAll(removeShared);

/** A folder that lives until the test file (or, outside jest, the process) ends. */
export async function tempDirForFile(prefix = 'weir-test-'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), prefix));
  sharedFolders.add(folder);
  return folder;
}
