// Sizes and durations as people write them, to and from bytes and milliseconds. Which range is legal
// where, the schema decides.

import { notAllowed } from './problems.ts';

const SIZE_UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

const ALLOWED_SIZE = 'a size such as 64KiB, 10MB or 4096 (bytes)';
const ALLOWED_DURATION = 'a duration such as 250ms, 30s, 5m or 1h';

/**
 * Reads a size.
 *
 * @param value `64KiB` (powers of 1024: KiB, MiB, GiB), `10MB` (powers of 1000: KB, MB, GB), `512B`,
 *              or a plain whole number, as a number or as text, of bytes
 * @returns bytes, a whole number from 0
 * @throws {ConfigError} `ERR_CONFIG_VALUE`, saying what is allowed
 */
export function parseSize(value: unknown): number {
  return parseWith(SIZE_UNITS, 'B', ALLOWED_SIZE, value);
}

/**
 * Reads a duration. A number without unit is refused: seconds and milliseconds are too easily mixed up.
 *
 * @param value `250ms`, `30s`, `5m` or `1h`
 * @returns milliseconds, a whole number from 0
 * @throws {ConfigError} `ERR_CONFIG_VALUE`, saying what is allowed
 */
export function parseDuration(value: unknown): number {
  return parseWith(DURATION_UNITS, null, ALLOWED_DURATION, value);
}

/** Bytes in the largest binary unit that needs no fraction: 65536 is `64KiB`, 1000 is `1000`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % SIZE_UNITS[unit] === 0) return `${bytes / SIZE_UNITS[unit]}${unit}`;
  }
  return String(bytes);
}

/** Milliseconds in the largest unit that needs no fraction: 90000 is `90s`, 60000 is `1m`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (milliseconds > 0 && milliseconds % DURATION_UNITS[unit] === 0) {
      return `${milliseconds / DURATION_UNITS[unit]}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}

function parseWith(
  units: Readonly<Record<string, number>>,
  unitOfPlainNumbers: string | null,
  allowed: string,
  value: unknown,
): number {
  if (typeof value !== 'string' && typeof value !== 'number') throw notAllowed(allowed, value);
  const [, digits = '', letters = ''] = /^(\d{1,16})([A-Za-z]*)$/.exec(String(value)) ?? [];
  const unit = letters === '' ? unitOfPlainNumbers : letters;
  if (digits === '' || unit === null || !Object.hasOwn(units, unit)) {
    throw notAllowed(allowed, value, sameUnitOtherCase(units, digits, letters));
  }
  const amount = Number(digits) * (units[unit] ?? NaN);
  if (!Number.isSafeInteger(amount)) throw notAllowed(allowed, value);
  return amount;
}

/** `64kib` is refused, so that `10Mb` (megabits?) is never guessed at, but the answer names `64KiB`. */
function sameUnitOtherCase(
  units: Readonly<Record<string, number>>,
  digits: string,
  letters: string,
): string | null {
  if (digits === '' || letters === '') return null;
  const unit = Object.keys(units).find((known) => known.toLowerCase() === letters.toLowerCase());
  return unit === undefined ? null : `${digits}${unit}`;
}
