// What a server can do, put together from the first look at it and the results of the checks.

import { fieldValue } from '../codec/fields.ts';
import { icapList } from '../codec/head.ts';
import type { Facts } from './context.ts';
import { guessProduct } from './product.ts';
import type { Capabilities, CheckReport } from './types.ts';

/** Names in the summary and the checks that decide them. */
const TOLERATED: Readonly<Record<string, string>> = {
  'http-trailers': 'trailers.http-accepted',
  'chunk-extensions': 'chunks.extension',
  'leading-crlf': 'grammar.leading-crlf',
  'bare-lf': 'grammar.bare-lf',
  'folded-fields': 'grammar.folded-field',
  'ieof-in-capitals': 'preview.ieof-case',
  'half-close': 'connection.half-close',
  'slow-clients': 'connection.byte-by-byte',
  'other-host-names': 'uri.other-host',
  'responses-without-request': 'echo.without-request',
};

export function capabilitiesOf(facts: Facts, reports: readonly CheckReport[]): Capabilities {
  const { options, offered, allow } = facts;
  const headers = options?.headers ?? [];
  const byId = new Map(reports.map((report) => [report.id, report]));
  const holds = (id: string): boolean | null => {
    const status = byId.get(id)?.status;
    return status === undefined || status === 'skip' ? null : status === 'pass';
  };
  const figure = (id: string): number | null => byId.get(id)?.figures?.p50 ?? null;
  const eicar = byId.get('verdict.eicar');
  return {
    product: guessProduct(
      [options, offered],
      reports.map((report) => report.received.replaceAll('\\r\\n', '\n')),
    ),
    service: fieldValue(headers, 'service') ?? null,
    methods: icapList(headers, 'methods').map((method) => method.toUpperCase()),
    preview: facts.preview,
    allow204: allow.includes('204'),
    allow206: allow.includes('206'),
    allowTrailers: allow.includes('trailers'),
    maxConnections: facts.maxConnections,
    optionsTtlSeconds: numberOrNull(fieldValue(headers, 'options-ttl')),
    istag: fieldValue(headers, 'istag') ?? null,
    persistent: holds('persistence.options'),
    pipelining: holds('persistence.pipelined'),
    detects: {
      plain:
        eicar === undefined || eicar.status === 'warn' ? null : asked(eicar) ? eicar.status === 'pass' : null,
      gzip: holds('verdict.eicar-gzip'),
      zip: holds('verdict.eicar-zip'),
    },
    tolerates: Object.fromEntries(Object.entries(TOLERATED).map(([name, id]) => [name, holds(id)])),
    latencyMs: { options: figure('load.latency-options'), message: figure('load.latency-message') },
  };
}

/** Something was sent: the check was not skipped for want of a server. */
function asked(report: CheckReport): boolean {
  return report.sent !== '';
}

function numberOrNull(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}
