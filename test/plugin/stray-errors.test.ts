// A plugin in the process itself whose errors nobody catches, in a Weir of the command line: it goes on.

import { expect, test } from '@jest/globals';
import { originServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';
import { spawnTestWeir } from '../support/weir.ts';

const STRAY = `
import { EventEmitter } from 'node:events';
const deeds = {
  '/timer': () => setTimeout(() => { throw new Error('of a timer'); }),
  '/rejection': () => void Promise.reject(new Error('of a promise')),
  '/emitter': () => setImmediate(() => new EventEmitter().emit('error', new Error('of an emitter'))),
};
export default { [Symbol.for('weir.plugin')]: 1, name: 'stray', version: '1', setup(ctx) {
  ctx.proxyHook({ onRequest({ url }) { deeds[new URL(url).pathname]?.(); } });
} };`;

test.each([
  ['in the process itself', false, /plugin stray has thrown where nobody catches it: of /],
  [
    'as by default',
    'auto',
    /^(the thread of plugin stray crashed: of |a promise was rejected unheeded: of )/,
  ],
])(
  'what a plugin throws where nobody catches it is logged, and all is served: %s',
  async (_, isolate, said) => {
    await using folder = await tempDir();
    await using origin = await originServer((_request, response) => response.end('served'));
    const use = await folder.write('stray.mjs', STRAY);
    await using weir = await spawnTestWeir({ plugins: [{ use, isolate }] });
    for (const path of ['/timer', '/rejection', '/emitter']) await weir.curl(`${origin.url}${path}`);
    await weir.logged(({ msg }) => said.test(msg ?? ''), 3);
    expect(String((await weir.curl(`${origin.url}/`)).body)).toBe('served');
  },
  150_000, // it may have to build first
);
