// The plugin's options with their defaults. Sizes are bytes or text such as `64MiB`.

import { DEFAULT_BUDGET } from 'weir/detect';
import { z } from 'zod';
import { DETECTORS, type DetectorName } from './detectors.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};
const NAMES = DETECTORS.map(({ name }) => name) as [DetectorName, ...DetectorName[]];

const size = z.union([z.number(), z.string()]).transform((value, context) => {
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]+)$/.exec(String(value)) ?? [];
  const bytes = typeof value === 'number' ? value : Number(digits) * (SIZE_UNITS[unit] ?? NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  context.addIssue({
    code: 'custom',
    message: `expected a size such as 64MiB, got ${JSON.stringify(value)}`,
  });
  return z.NEVER;
});
const count = z.int().min(1);
const outcome = z.enum(['allow', 'block']);
/** `log` notes what was found and lets it pass. */
const action = z.enum(['block', 'log']).default('block');
const threshold = z.strictObject({
  /** Different numbers in one message that it takes. Default 1. */
  min: count.default(1),
  action,
});

export const optionsSchema = z.strictObject({
  /** Numbers by kind. Default: all kinds, one of each is enough. */
  numbers: z
    .partialRecord(z.enum(NAMES), threshold)
    .default(() => Object.fromEntries(NAMES.map((name) => [name, { min: 1, action: 'block' as const }]))),
  /** Lists of words and phrases; case and what stands between words do not matter. Default: none. */
  keywords: z
    .array(
      z.strictObject({
        /** For log and block page; the words themselves are not told. */
        name: z.string().min(1).max(80),
        words: z
          .array(
            z
              .string()
              .regex(/[\p{L}\p{N}]/u, 'expected a word or phrase')
              .max(200),
          )
          .min(1)
          .max(10_000),
        /** Hits that it takes. Default 1. */
        min: count.default(1),
        /** All of them within so many characters. Default null: anywhere in the message. */
        within: count.nullable().default(null),
        /** Hits are different words of the list. Default false. */
        distinct: z.boolean().default(false),
        action,
      }),
    )
    .max(100)
    .default([]),
  /** Passages of protected documents. */
  fingerprints: z
    .strictObject({
      /** Files that make-fingerprints wrote, seen from the working directory. Default: none. */
      files: z.array(z.string().min(1)).default([]),
      /** Fingerprints of one document that it takes; 15 are some 230 letters in a row. Default 15. */
      min: count.default(15),
      action,
    })
    .prefault({}),
  /** Which messages are scanned: uploads, downloads or both. Default: uploads. */
  directions: z
    .array(z.enum(['request', 'response']))
    .min(1)
    .default(['request']),
  /** Limits of unpacking. */
  budget: z
    .strictObject({
      maxMembers: count.default(DEFAULT_BUDGET.maxMembers),
      maxMemberBytes: size.default(DEFAULT_BUDGET.maxMemberBytes),
      maxTotalBytes: size.default(DEFAULT_BUDGET.maxTotalBytes),
      maxRatio: count.default(DEFAULT_BUDGET.maxRatio),
      maxDepth: count.max(32).default(DEFAULT_BUDGET.maxDepth),
    })
    .prefault({}),
  /** What to do with content that could not be searched. Default: allow, and log that it was not. */
  onUnscannable: z
    .strictObject({
      encrypted: outcome.default('allow'),
      budget: outcome.default('allow'),
      malformed: outcome.default('allow'),
      coding: outcome.default('allow'),
      unsupported: outcome.default('allow'),
      oversized: outcome.default('allow'),
    })
    .prefault({}),
  /** Scans under way at once; one more is ERR_SCAN_UNAVAILABLE. Default 256. */
  maxQueue: count.default(256),
});

export type DlpOptions = z.output<typeof optionsSchema>;
