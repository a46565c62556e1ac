// The schema of `metrics`: whether figures are counted, and where Prometheus may fetch them.

import { parseListen } from './addresses.ts';
import { flag, key, orNull, read, secret, section, text } from './values.ts';

const listen = read('host:port', parseListen);

export const metrics = section(
  {
    enabled: key(flag, true, 'Whether figures are counted, for /metrics.'),
    listen: key(
      orNull(listen),
      null,
      'Address and port that serve /metrics besides the dashboard; `weir gateway` has no other.',
    ),
    token: key(
      orNull(secret(text('text', 'text', /^[!-~]{1,256}$/))),
      null,
      "Token that /metrics needs. Null: none from this machine itself, dashboard.token's from elsewhere.",
    ),
  },
  'Figures for Prometheus, see operations/metrics.md.',
);
