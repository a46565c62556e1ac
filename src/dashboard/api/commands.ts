// One transaction as commands to paste: to ask again, and to show an ICAP service the same. Whatever comes from
// a peer is quoted for a POSIX shell.

import type { TraceRecord } from '../../trace/types.ts';
import { shellWord } from '../../util/shell-word.ts';
import type { CommandsReply, TransactionSummary } from './types.ts';

/** Fields that curl makes itself, that belong to a connection, or whose value was left out. */
const OWN =
  /^(?:host|content-length|connection|proxy-connection|keep-alive|te|transfer-encoding|upgrade|via)$/i;
const MAX_FIELDS = 32;

export interface CommandPlace {
  /** `http://host:port`; null where no proxy runs. */
  readonly proxyUrl: string | null;
  /** File of the CA; null where there is none. */
  readonly caFile: string | null;
  /** URL of an ICAP service by name. */
  serviceUrl(name: string): string | null;
}

/** @param trace  null: what the row in the list says is all */
export function commandsOf(
  summary: Pick<TransactionSummary, 'id' | 'method' | 'url'>,
  trace: TraceRecord | null,
  place: CommandPlace,
): CommandsReply {
  const { method, url, id } = summary;
  const target = /^[a-z]+:\/\//i.test(url) ? url : `https://${url}/`;
  const fields = (trace?.request.headers ?? [])
    .filter(([name, value]) => !OWN.test(name) && name !== '…' && !value.includes('[redacted]'))
    .slice(0, MAX_FIELDS)
    .flatMap(([name, value]) => ['-H', shellWord(`${name}: ${oneLine(value)}`)]);
  const how = method === 'GET' || method === 'CONNECT' ? [] : ['-X', shellWord(method)];
  const words = [...how, ...fields, '--url', shellWord(oneLine(target))];
  const { proxyUrl, caFile } = place;
  const trust = caFile === null ? [] : ['--cacert', shellWord(caFile)];
  return {
    curl: ['curl', ...words].join(' '),
    curlThroughProxy:
      proxyUrl === null ? null : ['curl', '-x', shellWord(proxyUrl), ...trust, ...words].join(' '),
    icap: icapCommands(trace, oneLine(target), place),
    why: `weir why ${shellWord(id)}`,
  };
}

function icapCommands(
  trace: TraceRecord | null,
  target: string,
  { serviceUrl }: CommandPlace,
): CommandsReply['icap'] {
  if (trace === null) return [];
  const seen = new Map<string, string>();
  for (const [method, steps] of [
    ['reqmod', trace.reqmod],
    ['respmod', trace.respmod],
  ] as const) {
    for (const service of steps.flatMap(({ services }) => services.map((each) => each.service))) {
      const url = serviceUrl(service);
      if (url === null || seen.has(service)) continue;
      seen.set(service, `weir icap ${method} ${shellWord(url)} --url ${shellWord(target)}`);
    }
  }
  return [...seen].map(([service, command]) => ({ service, command }));
}

/** A control character would end the line that is pasted, or steer the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '');
}
