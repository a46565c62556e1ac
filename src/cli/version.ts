// The version of this package, read from its package.json: one place, also when run from the sources.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packagePlace } from '../config/package-root.ts';

/** Version as in package.json, e.g. `0.1.0`. */
export function packageVersion(): string {
  const text = readFileSync(path.join(packagePlace().root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
