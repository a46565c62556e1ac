// The plugin's options with their defaults. Sizes are bytes or text such as `64MiB`, durations
// milliseconds or text such as `30s`.

import { availableParallelism } from 'node:os';
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
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const quantity = (units: Readonly<Record<string, number>>, example: string) =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    const match = /^(\d{1,15})([A-Za-z]+)$/.exec(String(value));
    const result = typeof value === 'number' ? value : Number(match?.[1]) * (units[match?.[2] ?? ''] ?? NaN);
    if (Number.isSafeInteger(result) && result > 0) return result;
    context.addIssue({ code: 'custom', message: `expected ${example}, got ${JSON.stringify(value)}` });
    return z.NEVER;
  });

const size = quantity(SIZE_UNITS, 'a size such as 64MiB or 4096 (bytes)');
const duration = quantity(DURATION_UNITS, 'a duration such as 30s or 250 (milliseconds)');
const count = z.int().min(1);

export const optionsSchema = z.strictObject({
  /** Score from which content is blocked. Lower finds more and errs more. Default 70. */
  threshold: z.int().min(20).max(1000).default(70),
  /** Emulation threads, started when first needed. Default: 2, or 1 on a single core. */
  workers: count.max(32).default(Math.min(2, availableParallelism())),
  /** Longest emulation of one message, waiting not included; then ERR_SCAN_TIMEOUT. Default 20s. */
  timeout: duration.default(20_000),
  /** Messages that may wait for a thread; one more is ERR_SCAN_UNAVAILABLE. Default 128. */
  maxQueue: count.default(128),
  /** Bounds of the scripts of one page or file. */
  script: z
    .strictObject({
      /** Longest run. What was seen until then is judged. Default 2s. */
      time: duration.default(2000),
      /** Memory of the engine, at most 64MiB. Default 32MiB. */
      memory: size
        .refine((bytes) => bytes >= 2 ** 20 && bytes <= 64 * 2 ** 20, 'expected 1MiB to 64MiB')
        .default(32 * 2 ** 20),
      /** Some 10,000 instructions each. Default 100000. */
      ticks: count.default(100_000),
    })
    .prefault({}),
  /** Where reports are kept. */
  reports: z
    .strictObject({
      /** Folder, made when needed. Default `.weir/emulation`. */
      folder: z.string().min(1).default('.weir/emulation'),
      /** Reports kept; the oldest go first. Default 500. */
      keep: count.max(100_000).default(500),
      /** Bytes of all of them; the oldest go first. Default 64MiB. */
      maxBytes: size.default(64 * 2 ** 20),
      /** How long one is kept. Default 30d. */
      maxAge: duration.default(30 * 24 * 3_600_000),
      /** Whether clean results are kept too. Default false. */
      clean: z.boolean().default(false),
    })
    .prefault({}),
  /** Largest body that is emulated; larger ones are allowed as not scanned. Default 64MiB. */
  maxSize: size.default(64 * 2 ** 20),
  /** A CAPE sandbox (API v2) that programs and what looks suspicious are given to as well. Default: none. */
  cape: z
    .strictObject({
      /** Address of its API, e.g. `https://cape.example/apiv2/`. */
      url: z.url(),
      /** API token. Default: none. */
      token: z.string().min(1).nullable().default(null),
      /** Longest wait for a result. Default 5m. */
      timeout: duration.default(300_000),
      /** Time between two questions for the result. Default 5s. */
      interval: duration.default(5000),
      /** Tasks at once; more wait. Default 2. */
      tasks: count.max(64).default(2),
      /** Malscore, 0 to 10, from which its verdict blocks. Default 6. */
      score: z.number().min(0).max(10).default(6),
    })
    .nullable()
    .default(null),
});

export type EmulationOptions = z.output<typeof optionsSchema>;
export type CapeOptions = NonNullable<EmulationOptions['cape']>;
