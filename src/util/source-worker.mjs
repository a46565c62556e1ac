// First module of a worker thread when TypeScript sources run: registers tsx, maps the package's own
// names to its sources, and loads the module named by the worker's first argument. Never part of a build.
// With WEIR_BUILD_IS_FRESH, which `npm test` sets once it has built, the compiled module runs instead: it
// starts in a third of the time, and a test run starts some hundred workers.

import { register } from 'node:module';

const root = new URL('../../', import.meta.url).href;
const source = process.argv[2];
const place = source.startsWith(root) ? source.slice(root.length) : '';

if (process.env.WEIR_BUILD_IS_FRESH === '1' && /^(src|plugins)\//.test(place)) {
  await import(`${root}dist/${place.replace(/\.ts$/, '.js')}`);
} else {
  await runSources();
  await import(source);
}

async function runSources() {
  const { register: registerTypeScript } = await import('tsx/esm/api');
  const own = {
    weir: `${root}src/index.ts`,
    'weir/detect': `${root}src/detect/index.ts`,
  };
  const hook = `const own = ${JSON.stringify(own)};
export const resolve = (name, context, next) => next(own[name] ?? name, context);`;

  registerTypeScript();
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
