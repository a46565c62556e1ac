// The kinds of values that configuration keys may have, as zod schemas that turn text into data, and the
// builders that give each key its default and its description. Which key has which kind is schema.ts.

import * as z from 'zod';
import { isWeirError } from '../errors.ts';
import { nearest } from '../util/nearest.ts';
import { notAllowed } from './problems.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** One kind of value: how the reference names it, and how it is read (throwing `notAllowed`). */
export interface Kind<T> {
  type: string;
  parse(input: unknown): T;
}

/** Type names for the reference; schemas carry them here because zod's own type says only `unknown`. */
export const typeNames = z.registry<{ type: string }>();

/** Whole number in a range, bounds included. */
export function whole(min: number, max: number): Kind<number> {
  const type = `${min}..${max}`;
  return {
    type,
    parse(input) {
      if (typeof input === 'number' && Number.isInteger(input) && input >= min && input <= max) return input;
      throw notAllowed(`a whole number ${type}`, input);
    },
  };
}

/** Size in a range of bytes, bounds included. */
export function size(min: number, max: number): Kind<number> {
  const type = `${formatSize(min)}..${formatSize(max)}`;
  return ranged(type, min, max, parseSize);
}

/** Duration in a range of milliseconds, bounds included; bound it so that timers can hold it. */
export function duration(min: number, max: number): Kind<number> {
  const type = `${formatDuration(min)}..${formatDuration(max)}`;
  return ranged(type, min, max, parseDuration);
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: T[]): Kind<T> {
  const type = words.join(' | ');
  return {
    type,
    parse(input) {
      const word = words.find((known) => known === input);
      if (word !== undefined) return word;
      const hint = typeof input === 'string' ? nearest(input, words) : null;
      throw notAllowed(words.length === 1 ? type : `one of ${words.join(', ')}`, input, hint);
    },
  };
}

export const flag: Kind<boolean> = {
  type: 'true | false',
  parse(input) {
    if (typeof input === 'boolean') return input;
    throw notAllowed('true or false', input);
  },
};

/** Text that matches a pattern. */
export function text(type: string, allowed: string, pattern: RegExp): Kind<string> {
  return {
    type,
    parse(input) {
      if (typeof input === 'string' && pattern.test(input)) return input;
      throw notAllowed(allowed, input);
    },
  };
}

/** A value that is never shown: messages about it say only its type. */
export function secret(kind: Kind<string>): Kind<string> {
  return {
    type: kind.type,
    parse(input) {
      try {
        return kind.parse(input);
      } catch {
        throw notAllowed(kind.type, input, null, 'something else (not shown)');
      }
    },
  };
}

/** A path, made absolute by resolve.ts. */
export const filePath = text('path', 'a path', /^[^\0]+$/);

/** A name that users choose: of services, groups and profiles. Service names become URL paths. */
export const name = text(
  'name',
  'a name of letters, digits, dots, dashes and underscores',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
);

/** A kind by its reader. */
export function read<T>(type: string, parse: (input: unknown) => T): Kind<T> {
  return { type, parse };
}

/** The same kind, or null. */
export function orNull<T>(kind: Kind<T>): Kind<T | null> {
  return { type: `${kind.type} | null`, parse: (input) => (input === null ? null : kind.parse(input)) };
}

/** A zod schema of a kind; a problem becomes a zod issue with `params: { allowed, found, suggestion }`. */
function schemaOf<T>(kind: Kind<T>) {
  return z
    .unknown()
    .transform((input, context): T => {
      try {
        return kind.parse(input);
      } catch (error) {
        if (!isWeirError(error)) throw error;
        context.addIssue({ code: 'custom', message: error.message, params: { ...error.fields } });
        return z.NEVER;
      }
    })
    .register(typeNames, { type: kind.type });
}

/** A key with a default, written as a user would write it. */
export function key<T>(kind: Kind<T>, preset: unknown, description: string) {
  return schemaOf(kind).prefault(preset).describe(description);
}

/** A key that must be given where its section is. */
export function required<T>(kind: Kind<T>, description: string) {
  return schemaOf(kind).describe(description);
}

/** A key that inherits a value from elsewhere when it is not given; the description says from where. */
export function inherited<T>(kind: Kind<T>, description: string) {
  return schemaOf(kind).optional().describe(description);
}

// YAML writes an empty section (`proxy:` with every line below it commented out) as null: it means the
// same as leaving the section out.
const emptyIs =
  <T>(fallback: T) =>
  (input: unknown) =>
    input ?? fallback;

/** A map with fixed keys; all of them have defaults or say themselves that they are missing. */
export function section<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  return z.preprocess(emptyIs({}), z.strictObject(shape)).prefault({}).describe(description);
}

/** A map with fixed keys, or null (the default). */
export function sectionOrNull<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  return z.strictObject(shape).nullable().prefault(null).describe(description);
}

/** A map with fixed keys, or null; inherits a value from elsewhere when it is not given. */
export function inheritedSectionOrNull<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  return z.strictObject(shape).nullable().optional().describe(description);
}

/** A map from names that users choose to values of one schema. */
export function mapOf<Key extends string, Value extends z.ZodType>(
  names: Kind<Key>,
  value: Value,
  description: string,
) {
  return z
    .preprocess(emptyIs({}), z.record(schemaOf(names), value))
    .prefault({})
    .describe(description);
}

/** A map of names to values of one kind. */
export function mapOfValues<Key extends string, T>(names: Kind<Key>, kind: Kind<T>, description: string) {
  return mapOf(names, schemaOf(kind), description);
}

/** A list of values of one kind. */
export function listOf<T>(kind: Kind<T>, preset: unknown[], description: string) {
  return z
    .preprocess(emptyIs(preset), z.array(schemaOf(kind)))
    .prefault(preset)
    .describe(description);
}

/** A list of values of one kind, or null (the default). */
export function listOfOrNull<T>(kind: Kind<T>, description: string) {
  return z.array(schemaOf(kind)).nullable().prefault(null).describe(description);
}

/** A list that must be given, with at least so many items. */
export function requiredListOf<T>(kind: Kind<T>, description: string, least: 0 | 1 = 1) {
  return z.array(schemaOf(kind)).min(least).describe(description);
}

/**
 * A list of sections.
 * @param options.short the key that a plain text in place of a section stands for, e.g. `listen`; a single item
 *              in place of the list is then allowed as well
 */
export function listOfSections<Shape extends z.ZodRawShape>(
  shape: Shape,
  options: { preset: unknown[]; short?: string },
  description: string,
) {
  const { preset, short } = options;
  const widen = (item: unknown) =>
    short !== undefined && ['string', 'number'].includes(typeof item) ? { [short]: item } : item;
  const normalise = (input: unknown) => {
    const list = input ?? preset;
    if (Array.isArray(list)) return list.map(widen);
    return short === undefined ? list : [widen(list)];
  };
  return z
    .preprocess(normalise, z.array(z.strictObject(shape)))
    .prefault(preset)
    .describe(description);
}

function ranged(type: string, min: number, max: number, parse: (input: unknown) => number): Kind<number> {
  return {
    type,
    parse(input) {
      const amount = parse(input);
      if (amount >= min && amount <= max) return amount;
      throw notAllowed(type, input);
    },
  };
}
