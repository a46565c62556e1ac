// First module of a worker thread when TypeScript sources run: registers tsx, maps the package's own
// names to its sources, and loads the module named by the worker's first argument. Never part of a build.

import { register } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';

const own = {
  weir: new URL('../index.ts', import.meta.url).href,
  'weir/detect': new URL('../detect/index.ts', import.meta.url).href,
};
const hook = `const own = ${JSON.stringify(own)};
export const resolve = (name, context, next) => next(own[name] ?? name, context);`;

registerTypeScript();
register(`data:text/javascript,${encodeURIComponent(hook)}`);
await import(process.argv[2]);
