// adaptation.hold: what is delivered whole or not at all, and what a client gets while a scan takes long.
// A plain size stands for `whole`, as it did before there were other keys. What is done with it is
// src/proxy/patience.

import * as z from 'zod';
import { duration, key, listOf, oneOf, size, text, whole } from './values.ts';

const MiB = 1024 * 1024;
const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;

const agentPattern = text(
  'User-Agent with * for any characters',
  'a User-Agent, with * for any characters',
  /^[ -~]{1,128}$/,
);

/** Programs that say, or may say, that they take HTML, and could do nothing with a page. */
const PROGRAMS = [
  'curl/*',
  'Wget/*',
  'Java/*',
  'Debian APT*',
  'npm/*',
  'docker/*',
  'containerd/*',
  'pip/*',
  'git/*',
  'Go-http-client/*',
  'python-requests/*',
  'libwww-perl/*',
];

const shape = {
  whole: key(
    size(0, 1024 * 1024 * MiB),
    '64MiB',
    "Answers of ICAP servers up to this size are delivered whole or not at all: a server that breaks off is replaced by the group's next, or onError decides. Longer ones are streamed. 0: all are.",
  ),
  after: key(
    duration(1, HOUR),
    '3s',
    'Time that the scan of an answer may take before its client gets something.',
  ),
  browser: key(
    oneOf('page', 'trickle', 'wait'),
    'page',
    'What a browser gets: page shows progress and then delivers, for pages and downloads that it opens itself; whatever else it loads is trickled, or waits where its first bytes could act already.',
  ),
  program: key(
    oneOf('trickle', 'accepted', 'wait'),
    'trickle',
    'What everybody else gets: trickle sends a few bytes, accepted answers 202 with an address to ask again. `Prefer: respond-async` always means accepted.',
  ),
  rate: key(size(1, MiB), '1KiB', 'Bytes a second that are trickled.'),
  tail: key(
    size(1, 1024 * MiB),
    '64KiB',
    'Bytes of the end that are never trickled; of bodies shorter than twice that, half.',
  ),
  agents: listOf(agentPattern, PROGRAMS, 'User-Agents that never get a page. Case does not matter.'),
  ticket: key(
    duration(SECOND, 24 * HOUR),
    '10m',
    'Time that a scan whose client is not waiting goes on, and that its result is kept, after it was last asked for.',
  ),
  files: key(
    whole(0, 10_000),
    100,
    'Answers that are kept like that at a time, 16 of one client at most; with no room a client is trickled to, or waits.',
  ),
};

/** The section `adaptation.hold`; a size is `{ whole: size }`. */
export const hold = z
  .preprocess(
    (input) => (['string', 'number'].includes(typeof input) ? { whole: input } : (input ?? {})),
    z.strictObject(shape),
  )
  .prefault({})
  .describe('What clients get while an answer is being scanned, see slow-scans.md. A size alone is `whole`.');
