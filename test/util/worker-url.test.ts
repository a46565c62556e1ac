import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { workerOptions } from '../../src/util/worker-url.ts';
import { tempDir } from '../support/tempDir.ts';

describe('workerOptions', () => {
  test('names the compiled file beside a compiled module', () => {
    const { url, options } = workerOptions('file:///x/dist/plugins/p/index.js', './worker');
    expect([url.href, options.argv]).toEqual(['file:///x/dist/plugins/p/worker.js', []]);
  });

  test('runs TypeScript that imports the package by its own names', async () => {
    await using folder = await tempDir();
    await folder.write('package.json', '{"type":"module"}');
    await folder.write(
      'worker.ts',
      `import { parentPort } from 'node:worker_threads';
       import { detectType } from 'weir/detect';
       parentPort!.postMessage(detectType(Buffer.from('GIF89a') as Buffer)?.name);`,
    );
    const { url, options } = workerOptions(pathToFileURL(folder.join('index.ts')).href, './worker');
    const worker = new Worker(url, options);
    expect(await once(worker, 'message')).toEqual(['gif']);
    await worker.terminate();
  });
});
