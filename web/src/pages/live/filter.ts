// The filter of the live page, between the URL's fragment and what the API takes.

import type { TransactionFilter, Verdict } from '../../api/types.ts';
import { isVerdict } from '../../components/verdict.tsx';

const FIELDS = ['q', 'host', 'method', 'status', 'client', 'user', 'service'] as const;

/** @param query of the route; names that are no filter are left out */
export function filterOf(query: URLSearchParams): TransactionFilter {
  const filter: { -readonly [Key in keyof TransactionFilter]: TransactionFilter[Key] } = {};
  for (const field of FIELDS) {
    const value = query.get(field)?.trim();
    if (value) filter[field] = value;
  }
  const verdicts = verdictsOf(query);
  if (verdicts.length > 0) filter.verdict = verdicts;
  return filter;
}

export function verdictsOf(query: URLSearchParams): readonly Verdict[] {
  return (query.get('verdict') ?? '').split(',').filter(isVerdict);
}

/** The same filter as GET /api/transactions takes it. */
export function queryOf(filter: TransactionFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) query.set(name, Array.isArray(value) ? value.join(',') : String(value));
  }
  return query;
}
