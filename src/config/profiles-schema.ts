// The schema of `profiles`: what a blade does for a message, and what a message may cost. How profiles
// build on each other is profiles.ts.

import {
  duration,
  flag,
  inherited,
  mapOf,
  name,
  oneOf,
  orNull,
  section,
  size,
  text,
  whole,
} from './values.ts';

const KiB = 1024;
const GiB = KiB * KiB * KiB;
const HOUR = 3_600_000; // milliseconds
const timeLimit = duration(1, 24 * HOUR);
const action = oneOf('prevent', 'ask', 'inform');
const ACTION =
  'What a user may do about a block: nothing, continue with a reason, or continue with a click; see usercheck.md.';
const remember = duration(60_000, 720 * HOUR);
const bladeName = text(
  'blade name',
  'a blade name of lower-case letters, digits and dashes',
  /^[a-z0-9][a-z0-9-]*$/,
);

export const profiles = mapOf(
  name,
  section(
    {
      base: inherited(name, 'Profile that everything not given here comes from. Default: optimized.'),
      onError: inherited(
        oneOf('block', 'allow'),
        'Verdict when a blade fails, and for a body above maxSize. Default: as base.',
      ),
      timeout: inherited(
        orNull(timeLimit),
        'Time for all blades of a message together, background ones excepted. Null: only that of each blade. Default: as base.',
      ),
      maxSize: inherited(
        orNull(size(0, 1024 * GiB)),
        'Largest body that is inspected. Null: no limit. Default: as base.',
      ),
      depth: inherited(
        orNull(whole(1, 64)),
        'Levels of archives that blades unpack, where they have no lower limit. Null: theirs. Default: as base.',
      ),
      cache: inherited(
        flag,
        'Whether verdicts on content are remembered, and the same content not judged again. Default: as base.',
      ),
      quarantine: inherited(
        oneOf('off', 'content', 'all'),
        'Which blocked bodies are kept: none; what users would have received, and of what they send what a blade for content has blocked (malware); or all. Default: as base.',
      ),
      action: inherited(action, `${ACTION} Default: as base, else prevent.`),
      remember: inherited(
        remember,
        'Time that a user may have what was blocked then. Default: as base, else 1h.',
      ),
      blades: mapOf(
        bladeName,
        section(
          {
            enabled: inherited(
              flag,
              'Whether the blade runs. Default: as base, true for one that base lacks.',
            ),
            mode: inherited(
              oneOf('inline', 'background', 'hold'),
              'inline and hold wait for the verdict, hold after all inline ones; background lets the message pass, judges a copy, and blocks the same content from then on. Default: as base, else inline.',
            ),
            timeout: inherited(timeLimit, 'Time for a verdict. Default: as base, else 30s.'),
            action: inherited(
              action,
              "As the profile's, for what this blade blocks. Default: the profile's.",
            ),
            remember: inherited(remember, "Likewise. Default: the profile's."),
          },
          'Settings of one blade.',
        ),
        'Blades by name.',
      ),
    },
    'A scanning profile.',
  ),
  'Scanning profiles by name; basic, optimized and strict are built in. See profiles.md.',
);
