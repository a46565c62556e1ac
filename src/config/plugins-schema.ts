// The schema of `plugins`: what is loaded, with which options, and whether in a thread of its own.

import { notAllowed } from './problems.ts';
import { parseSize } from './units.ts';
import { key, listOfSections, read, required, text, type Kind } from './values.ts';

const MIB = 1024 * 1024; // bytes
const DEFAULT_MEMORY = 256 * MIB; // as the loader's, for `auto`
const LEAST_MEMORY = 16 * MIB;
const MOST_MEMORY = 4096 * MIB;

const ALLOWED = 'auto, true, false, or { memory: 16MiB..4GiB }';

/** Bytes of memory of the plugin's thread; null: it has none; `auto`: as the loader has it (decision 0019). */
const isolate: Kind<number | 'auto' | null> = read('auto | boolean | {memory: 16MiB..4GiB}', (input) => {
  if (input === 'auto') return 'auto';
  if (input === false) return null;
  if (input === true) return DEFAULT_MEMORY;
  const given = (input ?? {}) as Record<string, unknown>;
  const isMap = typeof input === 'object' && Object.keys(given).join() === 'memory';
  if (!isMap) throw notAllowed(ALLOWED, input, 'true');
  const bytes = parseSize(given['memory']);
  if (bytes < LEAST_MEMORY || bytes > MOST_MEMORY) throw notAllowed(ALLOWED, given['memory'], '256MiB');
  return bytes;
});

export const plugins = listOfSections(
  {
    use: required(text('path | package', 'a path or a package name', /^[^\0]{1,4096}$/), 'What to load.'),
    with: key(
      read('any', (input) => input),
      null,
      'Options; the plugin says which.',
    ),
    isolate: key(
      isolate,
      'auto',
      'Runs it in a thread of its own, of 256MiB or that much memory, so that a crash or hang costs one message; auto: unless it is a plugin of Weir itself.',
    ),
  },
  { preset: ['./plugins/antivirus', './plugins/threat-emulation'], short: 'use' },
  'Plugins: folders, files or npm packages, seen from the folder of this file.',
);
