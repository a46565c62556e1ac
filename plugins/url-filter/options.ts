// The plugin's options with their defaults.

import { z } from 'zod';
import { DAYS, type Day } from './schedule.ts';

const MAX_CATEGORIES = 127; // two list numbers each, of 256

const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes');
const count = z.int().min(1);

/** `mon` or `mon-fri`. */
const days = z.string().transform((text, context): Day[] => {
  const [first = '', last = first] = text.toLowerCase().split('-');
  const [from, to] = [DAYS.indexOf(first as Day), DAYS.indexOf(last as Day)];
  if (from >= 0 && to >= 0) {
    return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, i) => DAYS[(from + i) % 7]!);
  }
  context.addIssue({
    code: 'custom',
    message: `expected days such as mon or mon-fri, got ${JSON.stringify(text)}`,
  });
  return z.NEVER;
});

/** `08:00-17:30`; 24:00 is the end of a day. */
const hours = z.string().transform((text, context) => {
  const match = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(text);
  const [from, to] =
    match === null ? [NaN, NaN] : [minutes(match[1]!, match[2]!), minutes(match[3]!, match[4]!)];
  if (from < 1440 && to <= 1440 && from !== to) return { from, to };
  context.addIssue({
    code: 'custom',
    message: `expected hours such as 08:00-17:30, got ${JSON.stringify(text)}`,
  });
  return z.NEVER;
});

const timeZone = z.string().refine(isTimeZone, 'expected an IANA time zone such as Europe/Berlin');

const when = z
  .strictObject({
    /** Default: every day. */
    days: z
      .array(days)
      .transform((lists) => lists.flat())
      .default([...DAYS]),
    /** Default: the whole day. `22:00-06:00` goes over midnight. */
    hours: z.array(hours).default([{ from: 0, to: 1440 }]),
    /** Default: that of the machine. */
    timeZone: timeZone.default(Intl.DateTimeFormat().resolvedOptions().timeZone),
  })
  .nullable()
  .default(null);

const rule = z.strictObject({
  /** Categories it is for. Default: every URL. */
  categories: z.array(name).min(1).nullable().default(null),
  /** Users, by name as the proxy tells it. Default: everybody. */
  users: z.array(z.string()).min(1).nullable().default(null),
  /** Groups of users, one of which is enough. Default: everybody. */
  groups: z.array(z.string()).min(1).nullable().default(null),
  /** When it holds. Default: always. */
  when,
  /** `log` notes the request and asks the next rule. */
  action: z.enum(['block', 'allow', 'log']),
});

const category = z.strictObject({
  /** List files, seen from the working directory. */
  lists: z.array(z.string().min(1)).default([]),
  /** Form of the files; `auto` looks at each line. */
  format: z.enum(['auto', 'plain', 'hosts', 'adblock']).default('auto'),
  /** Further entries, as a list would have them. */
  entries: z.array(z.string().min(1)).default([]),
});

export const optionsSchema = z
  .strictObject({
    /** Categories by name. */
    categories: z
      .record(name, category)
      .refine((all) => Object.keys(all).length <= MAX_CATEGORIES, `at most ${MAX_CATEGORIES} categories`)
      .default({}),
    /** The first rule that matches and blocks or allows decides. Where none does: allowed. */
    rules: z.array(rule).max(1000).default([]),
    /** Search engines that must hide explicit results. Default: none. */
    safeSearch: z.array(z.enum(['google', 'bing', 'duckduckgo', 'yahoo', 'youtube'])).default([]),
    /** How YouTube is restricted where safeSearch names it. */
    youtube: z.enum(['strict', 'moderate']).default('strict'),
    /** Most entries of all lists; 8.5 bytes each. */
    maxEntries: count.max(100_000_000).default(10_000_000),
    /** Most AdBlock patterns that are more than a domain; about 300 bytes each. */
    maxPatterns: count.max(1_000_000).default(100_000),
  })
  .superRefine(({ categories, rules }, context) => {
    for (const [i, { categories: named }] of rules.entries()) {
      for (const missing of (named ?? []).filter((one) => !Object.hasOwn(categories, one))) {
        const message = `there is no category ${missing}: define it under categories`;
        context.addIssue({ code: 'custom', path: ['rules', i, 'categories'], message });
      }
    }
  });

export type UrlFilterOptions = z.output<typeof optionsSchema>;
export type FilterRule = UrlFilterOptions['rules'][number];

function minutes(hour: string, minute: string): number {
  return Number(hour) * 60 + Number(minute);
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
