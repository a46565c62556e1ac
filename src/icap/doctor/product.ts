// Which product answers, guessed from what it says of itself. A guess for people: nothing is decided by it.

import type { WireResponse } from '../probe/wire-client.ts';

const PRODUCTS: readonly (readonly [RegExp, string])[] = [
  [/\bweir\b/i, 'Weir'],
  [/e2guardian/i, 'E2Guardian'],
  [/c-?icap/i, 'c-icap'],
  [/metadefender|opswat/i, 'OPSWAT MetaDefender ICAP Server'],
  [/kaspersky|\bkl ?(?:icap|av)\b/i, 'Kaspersky'],
  [/symantec|\bscan engine\b|protection engine/i, 'Symantec (Broadcom)'],
  [/mcafee|skyhigh|trellix|webwasher/i, 'Skyhigh Security (McAfee)'],
  [/trend ?micro|interscan|iwsva/i, 'Trend Micro InterScan'],
  [/fortisandbox|fortinet/i, 'Fortinet'],
  [/f-?secure|withsecure/i, 'WithSecure (F-Secure)'],
  [/sophos|savdi/i, 'Sophos'],
  [/\beset\b/i, 'ESET'],
  [/bitdefender/i, 'Bitdefender'],
  [/check ?point|sandblast/i, 'Check Point'],
  [/forcepoint|websense/i, 'Forcepoint'],
  [/dr\.? ?web/i, 'Dr.Web'],
  [/clamav|squidclamav/i, 'ClamAV behind an ICAP server'],
  [/greasyspoon/i, 'GreasySpoon'],
  [/pyicap|basehttp|python/i, 'pyicap'],
  [/bitz/i, 'bitz-server'],
  [/g3icap/i, 'g3icap'],
];

const TELLING = /^(?:service|service-id|server|via|x-powered-by|istag)$/i;

/**
 * Best guess, or null.
 * @param httpHeads  HTTP headers that the server sent back, for the Via in them
 */
export function guessProduct(
  answers: readonly (WireResponse | null)[],
  httpHeads: readonly string[],
): string | null {
  const words: string[] = [];
  for (const answer of answers) {
    const headers = answer?.headers ?? [];
    for (let i = 0; i < headers.length; i += 2) {
      if (TELLING.test(headers[i]!)) words.push(headers[i + 1]!);
    }
  }
  for (const head of httpHeads) words.push(...(head.match(/^Via:.*$/gim) ?? []));
  const text = words.join('\n');
  return PRODUCTS.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}
