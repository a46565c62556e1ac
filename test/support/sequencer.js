// The order of suites: the longest first, so that none of them is left alone at the end. Jest knows how long they
// took where it has run them all before; a fresh clone has long-suites.json.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import Sequencer from '@jest/test-sequencer';

const root = new URL('..', import.meta.url).pathname;
/** Paths below test/, the longest first. */
const LONG = JSON.parse(readFileSync(new URL('./long-suites.json', import.meta.url), 'utf8'));
const place = new Map(LONG.map((file, at) => [path.join(root, file), at]));

export default class LongestFirst extends (Sequencer.default ?? Sequencer) {
  sort(tests) {
    const ordered = super.sort(tests);
    const rank = ({ path: file }) => place.get(file) ?? LONG.length;
    const isKnown = ordered.every(({ duration }) => duration != null);
    return isKnown ? ordered : ordered.sort((a, b) => rank(a) - rank(b)); // stable
  }
}
