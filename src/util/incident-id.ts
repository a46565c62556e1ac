// Names one incident: what a block or error page shows, what the logs carry, what a user reads to the
// help desk over the telephone. `W-` and 13 characters of Crockford's base32 (no I, L, O, U): nine of the
// time in milliseconds, four random. Ids of one process rise strictly, also within a millisecond; two
// processes collide with a chance of about one in a million per shared millisecond.

import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PAIRS: readonly string[] = Array.from(
  { length: 1024 },
  (_, n) => ALPHABET[n >> 5]! + ALPHABET[n & 31]!,
);
const TIME_CHARACTERS = 9; // 45 bits of milliseconds: enough until the year 3084
const TAIL_VALUES = 2 ** 20; // four characters
const CLOCK_STEP_MS = 60_000; // a clock set back by more than this is followed, by less is waited out

const pool = new Uint32Array(256);
let drawn = pool.length;
let lastMs = -1;
let lastTimeText = '';
let tail = 0;

/** What every incident id looks like. */
export const INCIDENT_ID = /^W-[0-9A-HJKMNP-TV-Z]{13}$/;

/**
 * A new incident id, e.g. `W-1KYSNCG0GCA5N` (15 ASCII characters); sorts by time as text.
 *
 * @param now  milliseconds since 1970; default: the clock
 */
export function newIncidentId(now: number = Date.now()): string {
  if (now > lastMs || now < lastMs - CLOCK_STEP_MS) startMillisecond(now, random20());
  else if (++tail === TAIL_VALUES) startMillisecond(lastMs + 1, 0);
  return `W-${lastTimeText}${PAIRS[tail >> 10]!}${PAIRS[tail & 1023]!}`;
}

function startMillisecond(ms: number, firstTail: number): void {
  lastMs = ms;
  tail = firstTail;
  lastTimeText = timeText(ms);
}

function timeText(ms: number): string {
  let text = '';
  for (let rest = ms; text.length < TIME_CHARACTERS; rest = Math.floor(rest / 32)) {
    text = ALPHABET[rest % 32]! + text;
  }
  return text;
}

/** Random bytes cost a system call each time they are asked for, so they are drawn 1 KiB at a time. */
function random20(): number {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  return pool[drawn++]! >>> 12;
}
