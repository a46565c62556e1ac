// The ICAP header of a REQMOD or RESPMOD up to its Encapsulated field: what the service is allowed to
// answer, who the user is, and what earlier services want to be passed on. Worked out once for each OPTIONS
// answer, so that a message costs one concatenation. K-11 … K-13, K-72.

import { formatFields } from '../codec/fields.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import { ASK_FINDINGS } from '../findings.ts';
import type { AdaptationMessage } from './adaptation.ts';
import type { IdentityOptions, IdentityWriter } from './identity.ts';
import { identityWriter } from './identity.ts';
import type { ServiceOptions } from './options.ts';

/** What may be allowed to an ICAP server with `Allow`. */
export const ALLOWANCES = ['204', '206', 'trailers'] as const;
export type Allowance = (typeof ALLOWANCES)[number];

/** Fields that decide framing or the dialogue: never taken over from elsewhere. */
const OWN_FIELDS = new Set([
  ...['host', 'user-agent', 'authorization', 'proxy-authorization', 'allow', 'preview', 'encapsulated'],
  ...['connection', 'transfer-encoding', 'content-length', 'trailer', 'upgrade'],
]);

export class RequestFields {
  /** Whether requests allow it; never where the body is not kept. */
  readonly allows204: boolean;
  readonly allows206: boolean;
  readonly #common: string; // URI to User-Agent
  readonly #kept: string;
  readonly #lost: string;
  readonly #bodyless: string;
  readonly #identity: IdentityWriter | null;
  readonly #isOurs: boolean;

  /**
   * @param common  from the blank behind the method to the end of the fields that every request has
   * @param isOurs  our own gateway answers: it is asked for findings where somebody takes notes
   */
  constructor(
    common: string,
    offered: readonly Allowance[],
    identity: IdentityOptions,
    options: ServiceOptions,
    isOurs = false,
  ) {
    this.#common = common;
    this.#isOurs = isOurs;
    const { allow206, allowTrailers } = options;
    const may = (allowance: Allowance, agreed: boolean): readonly string[] =>
      agreed && offered.includes(allowance) ? [allowance] : [];
    // 204 may be sent to anybody, the others only to who listed them (C-60, C-62).
    const noContent = may('204', true);
    const partial = may('206', allow206);
    const trailers = may('trailers', allowTrailers);
    this.allows204 = noContent.length > 0;
    this.allows206 = partial.length > 0;
    this.#kept = allowField([...noContent, ...partial, ...trailers]);
    this.#lost = allowField(trailers);
    this.#bodyless = allowField([...noContent, ...trailers]);
    this.#identity = identityWriter(identity, options.include);
  }

  /** @param keeps  the body can be had back, so that 204 and 206 may refer to it (K-11, K-12) */
  start(message: AdaptationMessage, keeps: boolean): string {
    const allow = message.body === null ? this.#bodyless : keeps ? this.#kept : this.#lost;
    let text = message.method + this.#common + allow;
    if (this.#identity !== null) text += this.#identity(message);
    if (this.#isOurs && message.note != null) text += ASK_FINDINGS;
    const { extraIcapHeaders } = message;
    if (extraIcapHeaders !== undefined) text += formatFields(withoutOwnFields(extraIcapHeaders));
    return text;
  }
}

/** `Allow` of these tokens with its CR LF; '' for none. */
export function allowField(tokens: readonly string[]): string {
  return tokens.length === 0 ? '' : `Allow: ${tokens.join(', ')}\r\n`;
}

function withoutOwnFields(headers: RawHeaders): RawHeaders {
  const kept: RawHeaders = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!OWN_FIELDS.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}
