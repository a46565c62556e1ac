// Which line of the configuration decided over a transaction, in the order in which they can: the tunnel's
// rule, a service that failed, a service that judged, the origin. Where no line did, a sentence says what.

import type { ProxyRecord } from '../telemetry/records.ts';
import type { PolicyLine, StepNotes, TransactionNotes } from './notes.ts';

/** Lines behind failures that are somebody's choice. */
const CHOSEN: Readonly<Record<string, string>> = {
  ERR_PROXY_DENIED: 'proxy.targets.deny',
  ERR_ORIGIN_CLIENT_CERT: 'proxy.upstream.clientCertificates',
  ERR_PARENT_AUTH: 'proxy.upstream.proxy',
  ERR_PARENT_REFUSED: 'proxy.upstream.proxy',
  ERR_PARENT_STATUS: 'proxy.upstream.proxy',
  ERR_PARENT_TIMEOUT: 'proxy.upstream.proxy',
  ERR_PARENT_TLS: 'proxy.upstream.proxy',
  ERR_PARENT_UNAVAILABLE: 'proxy.upstream.proxy',
  ERR_ORIGIN_UNTRUSTED: 'proxy.upstream.verify: true',
  ERR_PROXY_OVERLOADED: 'proxy.limits.connections',
  ERR_HTTP_HEAD_TOO_LARGE: 'proxy.limits.headerBytes, proxy.limits.headerFields',
  ERR_HTTP_TARGET_TOO_LONG: 'proxy.limits.uriBytes',
  ERR_HTTP_TIMEOUT: 'proxy.limits.headTimeout',
  ERR_SPOOL: 'adaptation.spool',
};

/** e.g. `adaptation.services.scan.onError: block`. */
export function decisionOf(record: ProxyRecord, notes: TransactionNotes | null): string {
  const rule = notes?.tunnel?.rule ?? null;
  const action = record.tls?.action;
  if (record.method === 'CONNECT' && action !== undefined && action !== 'bump' && rule !== null) {
    return lineOf(rule);
  }
  if (record.method === 'CONNECT' && rule?.path === 'proxy.tls.nonTls') return lineOf(rule);
  if (record.error?.code === 'ERR_ABORTED') return 'nothing: the other side went away before the end';
  const steps = notes?.steps ?? [];
  const blocking = steps.find(({ answer }) => answer?.verdict === 'blocked');
  const part = partOf(record);
  if (part !== null) return part;
  const isBlock = record.error === undefined || record.error.code === 'ERR_ADAPT_BLOCKED';
  if (isBlock && blocking !== undefined) return `${ruleOf(blocking)}: blocked by ${serviceOf(blocking)}`;
  if (record.error !== undefined) return failureOf(record.error, steps, rule);
  for (const { services } of steps) {
    for (const note of services)
      if (note.after === 'bypass') return policyLine(note.service, note.key, 'bypass');
  }
  const modifying = steps.filter(({ answer }) => answer?.verdict === 'modified');
  if (modifying.length > 0) {
    return modifying.map((step) => `${ruleOf(step)}: modified by ${serviceOf(step)}`).join('; ');
  }
  const asked = steps.filter(({ skipped }) => skipped === null);
  if (asked.length > 0)
    return asked.map((step) => `${ruleOf(step)}: allowed by ${serviceOf(step)}`).join('; ');
  return steps.length > 0 ? 'adaptation.rules: none applied' : 'no rule was asked';
}

/** Where adaptation.ranges or adaptation.streams decided; null where they did not. */
function partOf({ id, range, stream, error }: ProxyRecord): string | null {
  if (error?.code === 'ERR_ADAPT_NOT_SCANNED') {
    const [key] = /^adaptation\.(?:ranges\.mode|streams\.policy)/.exec(error.message) ?? [];
    return key === undefined ? null : `${key}: block`;
  }
  if (error !== undefined) return null;
  if (stream?.policy === 'bypass') return 'adaptation.streams.policy: bypass';
  if (range?.use === 'origin') return 'adaptation.ranges.max, or a rule that leaves the object out';
  if (range?.object == null || range.object === id) return null;
  return `adaptation.ranges: a part of the object that was judged in ${range.object}`;
}

/** A key of the configuration with what it says. */
export function policyLine(service: string, key: string | null, after: 'block' | 'bypass'): string {
  const value = after === 'bypass' && key?.startsWith('adaptation.notScanned') === true ? 'allow' : after;
  return `${key ?? `adaptation.services.${service}.onError`}: ${value}`;
}

function failureOf(
  { code, message }: { readonly code: string; readonly message: string },
  steps: readonly StepNotes[],
  rule: PolicyLine | null,
): string {
  if (code === 'ERR_PROXY_DENIED' && rule !== null && message.includes('proxy.tls.rules'))
    return lineOf(rule);
  if (code === 'ERR_PROXY_DENIED' && message.includes('proxy.tls.rules')) return 'proxy.tls.rules: terminate';
  if (code === 'ERR_PROXY_DENIED' && message.startsWith('proxy.tls.nonTls'))
    return 'proxy.tls.nonTls: terminate';
  for (const { services } of steps) {
    const last = services.at(-1);
    if (last?.after === 'block') return policyLine(last.service, last.key, 'block');
    if (last?.after === 'lost') {
      return `no line: ${last.service} failed after it had taken the message, which could not be sent again`;
    }
  }
  if (code === 'ERR_ADAPT_NOT_SCANNED') {
    return `adaptation.notScanned.${/\(([a-z-]+)\)$/.exec(message)?.[1] ?? '…'}: block`;
  }
  if (code === 'ERR_ORIGIN_TIMEOUT') {
    return /no connection/.test(message) ? 'proxy.upstream.connectTimeout' : 'proxy.upstream.responseTimeout';
  }
  return CHOSEN[code] ?? `no line: ${code}`;
}

function lineOf({ path, text }: PolicyLine): string {
  return `${path}: ${text}`;
}

function ruleOf({ rule, name }: StepNotes): string {
  return rule === null ? `service ${name}` : rule.path;
}

function serviceOf({ services, name }: StepNotes): string {
  return services.at(-1)?.service ?? name;
}
