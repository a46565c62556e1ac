// Which transactions somebody wants to see: of a list, and of the live feed.

import { isVerdict } from '../api/verdicts.ts';
import type { TransactionFilter, TransactionSummary, Verdict } from '../api/types.ts';

export type Matches = (summary: TransactionSummary) => boolean;

const MAX_TEXT = 200; // characters of one condition
const TEXTS = ['q', 'host', 'method', 'status', 'client', 'user', 'service'] as const;

/** The conditions in a query string; a verdict may stand there several times, or as a comma list. */
export function filterOfQuery(query: URLSearchParams): TransactionFilter {
  const verdict = query.getAll('verdict').flatMap((text) => text.split(','));
  const texts = TEXTS.flatMap((name) => {
    const text = query.get(name);
    return text === null ? [] : [[name, text] as const];
  });
  return filterOf({ ...Object.fromEntries(texts), verdict });
}

/** The conditions in what a viewer has sent: whatever is none is left out. */
export function filterOf(given: unknown): TransactionFilter {
  if (typeof given !== 'object' || given === null) return {};
  const from = given as Record<string, unknown>;
  const texts = TEXTS.flatMap((name) => {
    const text = from[name];
    return typeof text === 'string' && text !== '' ? [[name, text.slice(0, MAX_TEXT)] as const] : [];
  });
  const verdicts = [from['verdict']].flat().filter((word): word is Verdict => isVerdict(word));
  return { ...Object.fromEntries(texts), ...(verdicts.length === 0 ? {} : { verdict: verdicts }) };
}

/** Null: everything matches. */
export function matcherOf(filter: TransactionFilter): Matches | null {
  const tests: Matches[] = [];
  const { q, host, method, status, client, user, service } = filter;
  const verdicts = [filter.verdict ?? []].flat();
  if (verdicts.length > 0) tests.push(({ verdict }) => verdicts.includes(verdict));
  if (host !== undefined) {
    const wanted = host.toLowerCase().replace(/^\*?\./, '');
    tests.push((seen) => seen.host === wanted || seen.host.endsWith(`.${wanted}`));
  }
  if (method !== undefined) tests.push((seen) => seen.method.toUpperCase() === method.toUpperCase());
  if (status !== undefined) tests.push(statusTest(status));
  if (client !== undefined) tests.push((seen) => seen.client === client);
  if (user !== undefined) tests.push((seen) => seen.user === user);
  if (service !== undefined) tests.push((seen) => seen.services.some(({ name }) => name === service));
  if (q !== undefined) {
    const part = q.toLowerCase();
    tests.push(({ url, id, incident, threat, user: who, client: from, error }) =>
      [url, id, incident, threat, who, from, error].some((text) => text?.toLowerCase().includes(part)),
    );
  }
  return tests.length === 0 ? null : (summary) => tests.every((test) => test(summary));
}

/** `404`, or `4xx` for a class. */
function statusTest(status: string): Matches {
  const [, digit] = /^([0-9])xx$/i.exec(status) ?? [];
  if (digit === undefined) return (seen) => String(seen.status) === status;
  return (seen) => Math.floor(seen.status / 100) === Number(digit);
}
