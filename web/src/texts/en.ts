// Everything that the console says in English. One file a page; names are the place where a text stands.

import { live } from './en/live.ts';
import { policy } from './en/policy.ts';
import { report } from './en/report.ts';
import { services } from './en/services.ts';
import { charts, common, pages, shell, verdicts } from './en/shell.ts';
import { threats } from './en/threats.ts';
import { transaction } from './en/transaction.ts';
import { trust } from './en/trust.ts';

export const en = {
  pages,
  verdicts,
  common,
  shell,
  charts,
  live,
  transaction,
  services,
  policy,
  threats,
  report,
  trust,
} as const;
