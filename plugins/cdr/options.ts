// The plugin's options with their defaults.

import { z } from 'zod';
import { KINDS } from './kinds.ts';

const MIB = 2 ** 20;
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: MIB, KB: 1e3, MB: 1e6 };
const MAX_BYTES = 256 * MIB;

const size = z.union([z.number(), z.string()]).transform((value, context) => {
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]+)$/.exec(String(value)) ?? [];
  const bytes = typeof value === 'number' ? value : Number(digits) * (SIZE_UNITS[unit] ?? NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= MAX_BYTES) return bytes;
  context.addIssue({
    code: 'custom',
    message: `expected a size up to 256MiB, such as 32MiB, got ${JSON.stringify(value)}`,
  });
  return z.NEVER;
});
const outcome = z.enum(['block', 'pass']);

export const optionsSchema = z.strictObject({
  /** What is taken out. Default: everything. */
  remove: z
    .array(z.enum(KINDS))
    .min(1)
    .default([...KINDS]),
  /** Documents that would be changed and are signed; `strip` takes the signature out, too. Default block. */
  signed: z.enum(['block', 'pass', 'strip']).default('block'),
  /** Documents that need a password. Default pass, and logged as not scanned. */
  encrypted: outcome.default('pass'),
  /** Documents of Office 97 to 2003, which are not cleaned. Default pass, and logged as not scanned. */
  legacy: outcome.default('pass'),
  /** Documents that cannot be taken apart with certainty. Default block. */
  unreadable: outcome.default('block'),
  /** Parts of archives and forms that are not looked into: encrypted, damaged, too deep. Default pass, and logged. */
  closed: outcome.default('pass'),
  /** Bodies above `maxBytes`. Default pass, and logged as not scanned. */
  oversized: outcome.default('pass'),
  /** Largest body that is cleaned; it is held in memory about twice. Default 32MiB. */
  maxBytes: size.default(32 * MIB),
  /** Which messages: downloads, or uploads, also those by form. Default: downloads. */
  directions: z
    .array(z.enum(['request', 'response']))
    .min(1)
    .default(['response']),
});

export type CdrOptions = z.output<typeof optionsSchema>;
