// The first look at a server, before the checks: what OPTIONS says and what becomes of a harmless
// message. Judges nothing; checks look at the same answers again.

import type { WireResponse } from '../probe/wire-client.ts';
import { fieldValue } from '../codec/fields.ts';
import { icapList } from '../codec/head.ts';
import type { CheckContext, Exchanged, Facts, PlainOutcome } from './context.ts';
import { outcomeOf } from './judge.ts';
import type { ModMethod } from './message.ts';

const METHODS: readonly ModMethod[] = ['RESPMOD', 'REQMOD'];

/** What is known of a server that was never reached. */
export const NO_FACTS: Facts = {
  options: null,
  offered: null,
  methods: [],
  primary: 'RESPMOD',
  preview: null,
  allow: [],
  maxConnections: null,
  plain: { kind: 'refused', why: 'not asked' },
};

/**
 * Asks OPTIONS twice and sends one harmless message, or one of each method if the first is refused.
 * @throws {IcapError} as Dialogue.open
 */
export async function survey(context: CheckContext): Promise<Facts> {
  const options = okOrNull(await context.bareOptions());
  if (options === null) return NO_FACTS;
  const offered = okOrNull(await context.offeringOptions());
  const named = icapList(options.headers, 'methods');
  const listed = METHODS.filter((method) => named.includes(method.toLowerCase()));
  const methods = listed.length > 0 ? listed : METHODS; // without Methods both are tried
  let chosen: { primary: ModMethod; plain: PlainOutcome } | null = null;
  for (const primary of methods) {
    const plain = outcomeOf(await context.plainMessage(primary));
    if (chosen === null || chosen.plain.kind === 'refused') chosen = { primary, plain };
    if (plain.kind !== 'refused') break;
  }
  const best = offered ?? options;
  return {
    ...{ options, offered, methods, ...chosen! },
    preview: number(fieldValue(options.headers, 'preview')),
    allow: icapList(best.headers, 'allow'),
    maxConnections: number(fieldValue(options.headers, 'max-connections')),
  };
}

function okOrNull({ final }: Exchanged): WireResponse | null {
  return final.kind === 'response' && final.response.status === 200 ? final.response : null;
}

function number(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}
