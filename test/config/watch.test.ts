import { mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type FileWatch, type WatchOptions, watchFiles } from '../../src/config/watch.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

interface Lab extends AsyncDisposable {
  readonly folder: TempDir;
  readonly watch: FileWatch;
  /** Resolves with what the next call says has changed. */
  change(): Promise<string[]>;
  /** Calls that nobody has waited for. */
  readonly unread: string[][];
}

/** Watches paths of a new folder; nothing is found by polling unless that is asked for. */
async function lab(
  names: readonly string[],
  prepare: (folder: TempDir) => Promise<unknown>,
  options: WatchOptions = {},
): Promise<Lab> {
  const folder = await tempDir();
  await prepare(folder);
  const unread: string[][] = [];
  let wake: () => void = () => {};
  const onChange = (changed: string[]): void => {
    unread.push(changed.map((file) => path.relative(folder.path, file)));
    wake();
  };
  const files = names.map((name) => folder.join(name));
  const watch = await watchFiles(files, onChange, { quietMs: 20, pollMs: null, ...options });
  return {
    folder,
    watch,
    unread,
    async change() {
      while (unread.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return unread.shift()!;
    },
    async [Symbol.asyncDispose]() {
      watch.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const withFile = (folder: TempDir) => folder.write('weir.yaml', 'one');

describe('a file', () => {
  test.each<[string, (folder: TempDir) => Promise<unknown>]>([
    ['written in place', (folder) => folder.write('weir.yaml', 'two')],
    ['appended to', (folder) => writeFile(folder.join('weir.yaml'), 'more', { flag: 'a' })],
    ['truncated', (folder) => truncate(folder.join('weir.yaml'))],
    ['removed', (folder) => rm(folder.join('weir.yaml'))],
    ['touched', (folder) => utimes(folder.join('weir.yaml'), 1, 1)],
    [
      'replaced by renaming another one',
      async (folder) => rename(await folder.write('.weir.yaml.swp', 'two'), folder.join('weir.yaml')),
    ],
    [
      'moved away and written anew',
      async (folder) => {
        await rename(folder.join('weir.yaml'), folder.join('weir.yaml~'));
        await folder.write('weir.yaml', 'two');
      },
    ],
  ])('that is %s has changed, and is watched on', async (_name, act) => {
    await using watched = await lab(['weir.yaml'], withFile);
    await act(watched.folder);
    expect(await watched.change()).toEqual(['weir.yaml']);
    await watched.folder.write('weir.yaml', 'three and longer');
    expect(await watched.change()).toEqual(['weir.yaml']);
  });

  test('that others lie beside has not changed with them', async () => {
    await using watched = await lab(['weir.yaml'], withFile);
    await watched.folder.write('other.yaml', 'x');
    await rm(watched.folder.join('other.yaml'));
    await watched.folder.write('weir.yaml', 'two');
    expect(await watched.change()).toEqual(['weir.yaml']);
    expect(watched.unread).toEqual([]);
  });

  test('is told once for many writes in a row', async () => {
    await using watched = await lab(['weir.yaml'], withFile, { quietMs: 200 });
    for (let i = 0; i < 20; i++) await watched.folder.write('weir.yaml', `write ${i}`);
    expect(await watched.change()).toEqual(['weir.yaml']);
    await watched.watch.sync();
    expect(watched.unread).toEqual([]);
  });

  test('that is not there yet, in folders that are not there yet, has changed when it appears', async () => {
    await using watched = await lab(['a/b/weir.yaml'], async () => {});
    await mkdir(watched.folder.join('a/b'), { recursive: true });
    await watched.folder.write('a/b/weir.yaml', 'one');
    expect(await watched.change()).toEqual(['a/b/weir.yaml']);
  });

  test('in a folder that is exchanged as a whole has changed', async () => {
    const prepare = async (folder: TempDir): Promise<void> => {
      for (const name of ['conf', 'next']) {
        await mkdir(folder.join(name));
        await folder.write(`${name}/weir.yaml`, `of ${name}`);
      }
    };
    await using watched = await lab(['conf/weir.yaml'], prepare);
    await rename(watched.folder.join('conf'), watched.folder.join('former'));
    await rename(watched.folder.join('next'), watched.folder.join('conf'));
    expect(await watched.change()).toEqual(['conf/weir.yaml']);
    await watched.folder.write('conf/weir.yaml', 'and now this');
    expect(await watched.change()).toEqual(['conf/weir.yaml']);
  });
});

describe('symbolic links', () => {
  /** As Kubernetes mounts a ConfigMap: files are links through `..data`, which is exchanged in one step. */
  async function mount(folder: TempDir, version: string): Promise<void> {
    await mkdir(folder.join(`..${version}`));
    await folder.write(`..${version}/weir.yaml`, `of ${version}`);
    await symlink(`..${version}`, folder.join('..data_tmp'));
    await rename(folder.join('..data_tmp'), folder.join('..data'));
  }

  test('are followed when a mount is exchanged, again and again', async () => {
    const prepare = async (folder: TempDir): Promise<void> => {
      await mount(folder, 'first');
      await symlink('..data/weir.yaml', folder.join('weir.yaml'));
    };
    await using watched = await lab(['weir.yaml'], prepare);
    for (const version of ['second', 'third']) {
      await mount(watched.folder, version);
      expect(await watched.change()).toEqual(['weir.yaml']);
    }
  });

  test('are followed to a file in another folder', async () => {
    await using elsewhere = await tempDir();
    await elsewhere.write('real.yaml', 'one');
    const prepare = (folder: TempDir) => symlink(elsewhere.join('real.yaml'), folder.join('weir.yaml'));
    await using watched = await lab(['weir.yaml'], prepare);
    await elsewhere.write('real.yaml', 'two!');
    expect(await watched.change()).toEqual(['weir.yaml']);
  });

  test('that lead in a circle are a file that is not there', async () => {
    const prepare = (folder: TempDir) => symlink('weir.yaml', folder.join('weir.yaml'));
    await using watched = await lab(['weir.yaml'], prepare);
    await rm(watched.folder.join('weir.yaml'));
    await watched.folder.write('weir.yaml', 'at last');
    expect(await watched.change()).toEqual(['weir.yaml']);
  });
});

describe('a folder', () => {
  test('has changed when a file in it is added, changed or removed', async () => {
    await using watched = await lab(['rules'], (folder) => mkdir(folder.join('rules')));
    const file = watched.folder.join('rules/mine.yar');
    for (const act of [() => writeFile(file, 'a'), () => writeFile(file, 'bb'), () => rm(file)]) {
      await act();
      expect(await watched.change()).toEqual(['rules']);
    }
  });
});

describe('a watch', () => {
  test('finds by looking what no event told', async () => {
    await using watched = await lab(['weir.yaml'], withFile, { quietMs: 60_000, pollMs: 20 });
    await watched.folder.write('weir.yaml', 'two');
    expect(await watched.change()).toEqual(['weir.yaml']);
  });

  test('says nothing of what was there when it was told to take it as seen', async () => {
    await using watched = await lab(['weir.yaml', 'other'], withFile, { quietMs: 100 });
    await watched.folder.write('weir.yaml', 'two');
    await watched.watch.sync();
    await watched.folder.write('other', 'x');
    expect(await watched.change()).toEqual(['other']);
  });

  test('follows other paths when it is told so', async () => {
    await using watched = await lab(['weir.yaml'], withFile);
    await watched.watch.setPaths([watched.folder.join('other')]);
    await watched.folder.write('weir.yaml', 'two');
    await watched.folder.write('other', 'x');
    expect(await watched.change()).toEqual(['other']);
  });

  test('that is closed tells nothing more', async () => {
    await using watched = await lab(['weir.yaml'], withFile);
    await using second = await lab([], async () => {});
    await second.watch.setPaths([watched.folder.join('weir.yaml')]);
    watched.watch.close();
    await watched.folder.write('weir.yaml', 'two');
    await second.change();
    expect(watched.unread).toEqual([]);
  });
});
