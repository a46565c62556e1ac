// The plugin's options with their defaults. Sizes are bytes or text such as `64MiB`, durations
// milliseconds or text such as `30s`.

import { availableParallelism } from 'node:os';
import { DEFAULT_BUDGET } from 'weir/detect';
import { z } from 'zod';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const quantity = (units: Readonly<Record<string, number>>, example: string) =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]+)$/.exec(String(value)) ?? [];
    const result = typeof value === 'number' ? value : Number(digits) * (units[unit] ?? NaN);
    if (digits !== '' || typeof value === 'number') {
      if (Number.isSafeInteger(result) && result > 0) return result;
    }
    context.addIssue({ code: 'custom', message: `expected ${example}, got ${JSON.stringify(value)}` });
    return z.NEVER;
  });

const size = quantity(SIZE_UNITS, 'a size such as 64MiB or 4096 (bytes)');
const duration = quantity(DURATION_UNITS, 'a duration such as 30s or 250 (milliseconds)');
const count = z.int().min(1);
const action = z.enum(['allow', 'block']);

const MIN_WINDOW = 256 * 1024; // bytes: below, overlaps cost more than they save

const clamdTimeouts = {
  /** Longest wait for the connection. Default 2s. */
  connectTimeout: duration.default(2000),
  /** Longest silence of clamd, or of our writing to it. Default 30s. */
  replyTimeout: duration.default(30_000),
  /** Scans at once; more wait their turn. Default 10, below clamd's MaxThreads of 10 to 12. */
  connections: count.max(1000).default(10),
  /** How often its signature version is asked for, which the ISTag follows. Default 1m. */
  versionInterval: duration.default(60_000),
};

export const optionsSchema = z.strictObject({
  /** Folders of further rule files (`*.yar`, `*.yara`), beside the plugin's own. Default: none. */
  rules: z.array(z.string().min(1)).default([]),
  /** Scanning threads, started when first needed. Default: 2, or 1 on a single core. */
  workers: count.max(64).default(Math.min(2, availableParallelism())),
  /** Longest scan of one message, waiting not included; then ERR_SCAN_TIMEOUT. Default 30s. */
  timeout: duration.default(30_000),
  /** Messages that may wait for a thread; one more is ERR_SCAN_UNAVAILABLE. Default 256. */
  maxQueue: count.default(256),
  /** Bytes scanned at a time; longer content is scanned in overlapping windows. Default 4MiB. */
  window: size.refine((bytes) => bytes >= MIN_WINDOW, 'expected at least 256KiB').default(4 * 2 ** 20),
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
  /**
   * What to do with content that could not be inspected whole; allowed content is logged as not scanned.
   * A limit or a coding that hides content blocks, because a scanner that can be blinded is none; damage,
   * passwords, formats that are not opened and images too large for
   * their reader are everyday and pass.
   */
  onUnscannable: z
    .strictObject({
      encrypted: action.default('allow'),
      budget: action.default('block'),
      malformed: action.default('allow'),
      coding: action.default('block'),
      unsupported: action.default('allow'),
      oversized: action.default('allow'),
    })
    .prefault({}),
  /** A clamd that scans too, on a Unix socket or TCP. Default: none. */
  clamd: z
    .union([
      z.strictObject({ socket: z.string().min(1), ...clamdTimeouts }),
      z.strictObject({
        host: z.string().min(1),
        port: z.int().min(1).max(65_535).default(3310),
        ...clamdTimeouts,
      }),
    ])
    .nullable()
    .default(null),
});

export type AntivirusOptions = z.output<typeof optionsSchema>;
export type ClamdOptions = NonNullable<AntivirusOptions['clamd']>;
