// The schema of `usercheck`: how pages for users look, and how users continue past blocks. What they may
// continue past is said by profiles.

import { duration, filePath, flag, key, orNull, section } from './values.ts';

const MINUTE = 60_000; // milliseconds
const DAY = 24 * 60 * MINUTE;

export const usercheck = section(
  {
    templates: key(
      orNull(filePath),
      null,
      'Folder of block.html, block.txt, style.css, logo.svg (png, jpg, webp) and texts.<language>.json, each optional. Null: the built-in page.',
    ),
    folder: key(
      orNull(filePath),
      null,
      'Folder of the key of tokens, and of what users have continued past. Null: .weir/usercheck of the checkout, or $XDG_STATE_HOME/weir/usercheck when installed.',
    ),
    answerWithin: key(duration(MINUTE, DAY), '15m', 'Time in which a page can be answered.'),
    critical: key(flag, false, 'Whether users may continue past findings of severity critical.'),
  },
  'Pages for users, and continuing past blocks; see usercheck.md.',
);
