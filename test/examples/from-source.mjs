// Runs an example against the sources of this checkout: `weir` means src/index.ts, TypeScript is loaded.

import { register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { register as registerTypeScript } from 'tsx/esm/api';

const own = new URL('../../src/index.ts', import.meta.url).href;
const hook = `export const resolve = (name, context, next) => next(name === 'weir' ? ${JSON.stringify(own)} : name, context);`;

registerTypeScript();
register(`data:text/javascript,${encodeURIComponent(hook)}`);
process.argv.splice(1, 1); // the example sees its own name and arguments
await import(pathToFileURL(path.resolve(process.argv[1])).href);
