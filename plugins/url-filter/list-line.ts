// Reads one line of a list, whichever form it has: plain domains and URLs, hosts files, and the part of
// AdBlock's network rules that can be judged from a request alone. Rules that ask about the page around a
// request, regular expressions and rules about elements of a page are left out and counted, never guessed.

import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

export type ListFormat = 'auto' | 'plain' | 'hosts' | 'adblock';

/** Why a line has no effect. */
export type LeftOut = 'options' | 'regex' | 'elements' | 'unreadable';

export type Entry =
  | { readonly kind: 'domain' | 'host'; readonly host: string; readonly exception: boolean }
  | { readonly kind: 'path'; readonly host: string; readonly path: string; readonly exception: boolean }
  /** A text with `*`, `^` and anchors, lower case: see url-pattern.ts. */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly exception: boolean };

const MAX_LINE = 4096; // characters
const HOSTNAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const LOCAL_NAMES = /^(?:localhost(?:\.localdomain)?|local|broadcasthost|ip6-\w+|0\.0\.0\.0)$/;
/** Options that change nothing for a filter that judges whole requests. */
const HARMLESS_OPTIONS = new Set(['all', 'document', 'doc', 'important']);
const MIN_PATTERN = 3; // characters that are no wildcard; shorter ones would match nearly everything

/** Calls `add` for each entry of a line, or `leave` once where the line has no effect. Comments: neither. */
export function readLine(
  text: string,
  format: ListFormat,
  add: (entry: Entry) => void,
  leave: (why: LeftOut) => void,
): void {
  const line = text.replace(/\s#\s.*$/, '').trim();
  if (line === '' || line.startsWith('!') || line.startsWith('[')) return;
  if (line.length > MAX_LINE) return leave('unreadable');
  if (format !== 'plain' && format !== 'hosts' && /#[@?$%]{0,2}#/.test(line)) return leave('elements');
  if (line.startsWith('#')) return;
  if (format === 'adblock' || (format === 'auto' && looksLikeAdblock(line)))
    return readRule(line, add, leave);

  const [first = '', ...more] = line.split(/\s+/);
  if (more.length > 0 && format !== 'plain' && isIP(first.split('%')[0]!) !== 0) {
    for (const name of more) readHost(name, add, leave);
  } else if (format === 'hosts' || more.length > 0) leave('unreadable');
  else readPlain(first, add, leave);
}

function looksLikeAdblock(line: string): boolean {
  return /^(?:\|\|?|@@|\/)|[\^$]/.test(line) || (line.includes('*') && !line.startsWith('*.'));
}

function readHost(name: string, add: (entry: Entry) => void, leave: (why: LeftOut) => void): void {
  const host = hostOf(name);
  if (host === null) leave('unreadable');
  else if (!LOCAL_NAMES.test(host)) add({ kind: 'host', host, exception: false });
}

function readPlain(text: string, add: (entry: Entry) => void, leave: (why: LeftOut) => void): void {
  const bare = text.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  const slash = bare.indexOf('/');
  const wide = /^(?:\*?\.)/.test(bare);
  const host = hostOf((slash < 0 ? bare : bare.slice(0, slash)).replace(/^\*?\./, ''));
  if (host === null || (!host.includes('.') && !wide && isIP(host) === 0)) return leave('unreadable');
  const path = slash < 0 ? '/' : bare.slice(slash).replace(/[?#].*$/, '');
  if (path === '/') add({ kind: 'domain', host, exception: false });
  else add({ kind: 'path', host, path, exception: false });
}

function readRule(line: string, add: (entry: Entry) => void, leave: (why: LeftOut) => void): void {
  const exception = line.startsWith('@@');
  let rule = exception ? line.slice(2) : line;
  const options = /\$(~?[a-z0-9_-]+(?:=[^,]*)?(?:,~?[a-z0-9_-]+(?:=[^,]*)?)*)$/i.exec(rule);
  if (options !== null) {
    const names = options[1]!.toLowerCase().split(',');
    if (!names.every((name) => HARMLESS_OPTIONS.has(name))) return leave('options');
    rule = rule.slice(0, options.index);
  }
  if (
    rule.length > 1 &&
    rule.startsWith('/') &&
    rule.endsWith('/') &&
    /[\\^$[\](){}|+?*]/.test(rule.slice(1, -1))
  ) {
    return leave('regex');
  }
  const whole = /^\|\|([^/^*|:?]+)(?:\^\|?|\/|\^?\*)$/.exec(rule);
  const host = whole === null ? null : hostOf(whole[1]!);
  if (host !== null) return add({ kind: 'domain', host, exception });
  if (/^[\w.-]+$/.test(rule) && rule.includes('.') && !rule.startsWith('.')) {
    const plain = hostOf(rule);
    if (plain !== null) return add({ kind: 'domain', host: plain, exception });
  }
  const pattern = rule.toLowerCase();
  if (pattern.replace(/[*^|]/g, '').length < MIN_PATTERN) return leave('unreadable');
  add({ kind: 'pattern', pattern, exception });
}

/** A host as URLs have it: lower case, ASCII, no dot at its end; null where it is none. */
export function hostOf(text: string): string | null {
  let host = text.toLowerCase().replace(/\.$/, '');
  if (host.startsWith('[')) host = host.replace(/^\[|\]$/g, '');
  if (isIP(host) === 6) return host;
  host = host.replace(/:\d{1,5}$/, '');
  if (/[^\x21-\x7e]/.test(host)) host = domainToASCII(host);
  return HOSTNAME.test(host) ? host : null;
}
