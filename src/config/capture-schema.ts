// The schema of `capture`: whether the dashboard may show heads and bodies of transactions.

import { flag, key, section, size } from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export const capture = section(
  {
    enabled: key(
      flag,
      false,
      'Whether heads, bodies and ICAP bytes of the latest transactions are kept for the dashboard.',
    ),
    bodies: key(size(0, 16 * MiB), '64KiB', 'Of each body that is kept.'),
    wire: key(size(0, 16 * MiB), '64KiB', 'Of each direction of each ICAP exchange that is kept.'),
    memory: key(size(MiB, 16 * KiB * MiB), '64MiB', 'Of all that is kept; the oldest go first.'),
    secrets: key(
      flag,
      false,
      'Whether values of cookies and authorization fields are shown; else they are overwritten.',
    ),
  },
  'What people read and send, decrypted, for whoever has the token of the dashboard: for labs.',
);
