// The version of this package, read once from its package.json.

import { readFileSync } from 'node:fs';

export const WEIR_VERSION: string = readVersion();

function readVersion(): string {
  // Sources stand two folders below the package, compiled files three.
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'weir' && found.version !== undefined) return found.version;
    } catch {
      continue;
    }
  }
  return '0.0.0';
}
