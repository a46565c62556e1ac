// The plugin's options with their defaults, and what cannot be meant: fields that frame a message are not
// for a rule to set, and a value with a line end would be two fields.

import { z } from 'zod';

/** Fields that say where a message ends, whom it is for, or how the connection is used. */
const FRAMING = new Set(
  'connection content-encoding content-length host keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);
const MAX_TEXT = 64 * 1024; // characters of one banner or replacement

const fieldName = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header field')
  .refine((name) => !FRAMING.has(name.toLowerCase()), 'this field belongs to the framing of the message');
const fieldValue = z
  .string()
  .regex(
    /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/,
    'expected one line of ASCII without blanks at its ends',
  );
const fields = z.record(fieldName, fieldValue).default({});

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, KB: 1e3, MB: 1e6 };
const MAX_BYTES = 8 * 2 ** 20; // replaced in the event loop: some ten milliseconds

const size = z.union([z.number(), z.string()]).transform((value, context) => {
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]+)$/.exec(String(value)) ?? [];
  const bytes = typeof value === 'number' ? value : Number(digits) * (SIZE_UNITS[unit] ?? NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= MAX_BYTES) return bytes;
  context.addIssue({
    code: 'custom',
    message: `expected a size up to 8MiB, such as 512KiB, got ${JSON.stringify(value)}`,
  });
  return z.NEVER;
});

const rule = z
  .strictObject({
    /** Which messages it is for. Default: responses. */
    direction: z.enum(['request', 'response']).default('response'),
    /** `host`, `*.domain` (what is below it) or `*`. Default: all. */
    hosts: z.array(z.string().min(1)).min(1).default(['*']),
    /** Paths without query, `*` for any characters. Default: all. */
    paths: z.array(z.string().startsWith('/')).min(1).default(['/*']),
    /** Media types, `text/*`. Default: all; text/html for a banner. */
    types: z
      .array(z.string().regex(/^(?:\*|[\w.+-]+)\/(?:\*|[\w.+-]+)$/, 'expected a media type such as text/*'))
      .min(1)
      .nullable()
      .default(null),
    /** Status codes of responses. Default: all. */
    status: z.array(z.int().min(100).max(599)).min(1).nullable().default(null),
    headers: z
      .strictObject({
        /** Taken away, all of that name. */
        remove: z.array(fieldName).default([]),
        /** Put in the place of all of that name. */
        set: fields,
        /** Put behind what is there. */
        add: fields,
      })
      .prefault({}),
    /** Texts that are replaced wherever they stand in a text body, in turn. */
    replace: z
      .array(z.strictObject({ find: z.string().min(1).max(MAX_TEXT), with: z.string().max(MAX_TEXT) }))
      .max(100)
      .default([]),
    /** HTML that pages get at the top of what they show. */
    banner: z
      .strictObject({
        html: z.string().min(1).max(MAX_TEXT),
        /** Pages in frames get it too. Default false. */
        frames: z.boolean().default(false),
      })
      .nullable()
      .default(null),
  })
  .superRefine(({ direction, banner, status }, context) => {
    if (direction === 'response') return;
    const message = 'is for responses: remove it, or say direction: response';
    if (banner !== null) context.addIssue({ code: 'custom', path: ['banner'], message });
    if (status !== null) context.addIssue({ code: 'custom', path: ['status'], message });
  });

export const optionsSchema = z.strictObject({
  /** All that match apply, in order. */
  rules: z.array(rule).max(1000).default([]),
  /** Longest body, decoded, in which texts are replaced; also for a banner where the page is compressed. Default 1MiB. */
  maxBytes: size.default(2 ** 20),
  /** Change bodies even where the sender forbids it (Cache-Control: no-transform). Default false. */
  ignoreNoTransform: z.boolean().default(false),
});

export type RewriteOptions = z.output<typeof optionsSchema>;
export type RewriteRule = RewriteOptions['rules'][number];
