// The schema of `tracing`: where spans of transactions are sent for OpenTelemetry.

import { notAllowed } from './problems.ts';
import type { Kind } from './values.ts';
import { flag, key, mapOfValues, orNull, secret, section, text } from './values.ts';

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;

const endpoint: Kind<string> = {
  type: 'URL',
  parse(input) {
    const isUrl = typeof input === 'string' && /^https?:\/\//.test(input) && URL.canParse(input);
    if (isUrl && new URL(input).username === '') return input;
    throw notAllowed('a URL such as http://127.0.0.1:4318/v1/traces, without user and password', input);
  },
};

const share: Kind<number> = {
  type: '0..1',
  parse(input) {
    if (typeof input === 'number' && input >= 0 && input <= 1) return input;
    throw notAllowed('a number from 0 to 1', input);
  },
};

export const tracing = section(
  {
    endpoint: key(
      orNull(endpoint),
      null,
      'Where an OpenTelemetry collector takes traces (OTLP over HTTP, JSON). Null: none are sent.',
    ),
    headers: mapOfValues(
      text('field name', 'the name of a header field', FIELD_NAME),
      secret(text('text', 'text', /^[ -~]{0,4096}$/)),
      'Header fields of each export, e.g. a key.',
    ),
    sample: key(share, 1, 'Share of new traces that is sent.'),
    follow: key(
      flag,
      false,
      "Whether a client's `traceparent` is continued. It decides then what is sent: only where clients are trusted.",
    ),
    service: key(text('text', 'text of at most 255 characters', /^[^\0]{1,255}$/), 'weir', 'service.name.'),
  },
  'Traces for OpenTelemetry, see operations/tracing.md.',
);
