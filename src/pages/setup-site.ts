// What lies at which path of the setup site, which the proxy serves at weir.local and the dashboard beside its
// own pages: the page, its script, what the script asks for, the CA's files and the proxy configuration.
// Nothing of it is secret, so it needs no token.

import { audienceOf } from './audience.ts';
import type { PageAudience } from './audience.ts';
import { DOWNLOADS, setupPage } from './setup-page.ts';
import type { SetupCertificate } from './setup-page.ts';
import { SETUP_SCRIPT } from './setup-script.ts';
import type { Platform, SetupPlace } from './setup-steps.ts';

/** Host that the proxy answers itself. */
export const SETUP_HOST = 'weir.local';

/** What is in force, as the site tells it. */
export interface SetupFacts {
  readonly place: SetupPlace;
  readonly certificates: readonly SetupCertificate[];
  /** The CA may certify {@link SETUP_HOST}. */
  readonly checkable: boolean;
  /** Files of the CA. */
  readonly files: Readonly<Record<'pem' | 'der' | 'mobileconfig' | 'pkcs12', Buffer>>;
  /** Text of proxy.pac. */
  readonly pac: string;
}

export interface SetupRequest {
  readonly method: string;
  /** Origin form; a query is left out of account. */
  readonly target: string;
  /** Flat name, value list. */
  readonly headers: readonly string[];
}

export interface SetupReply {
  readonly status: number;
  readonly reason: string;
  /** Flat name, value list, with Content-Length. */
  readonly headers: readonly string[];
  /** Also for HEAD, whose answer has the length and no body. */
  readonly body: Buffer;
}

const PAC_TYPE = 'application/x-ns-proxy-autoconfig';

/**
 * The reply to a request.
 * @returns null for a path that is none of the site's
 */
export function setupReply(facts: SetupFacts, request: SetupRequest): SetupReply | null {
  const path = request.target.split('?', 1)[0]!;
  const made = PATHS.get(path)?.(facts, request) ?? null;
  if (made === null || ['GET', 'HEAD'].includes(request.method)) return made;
  return reply(405, 'Method Not Allowed', 'text/plain; charset=utf-8', 'only GET and HEAD\n', [
    'Allow',
    'GET, HEAD',
  ]);
}

/** For other paths of a host that has nothing else. */
export function setupNotFound(): SetupReply {
  const text = `nothing here: open http://${SETUP_HOST}/\n`;
  return reply(404, 'Not Found', 'text/plain; charset=utf-8', text);
}

type Serve = (facts: SetupFacts, request: SetupRequest) => SetupReply;

const PATHS: ReadonlyMap<string, Serve> = new Map<string, Serve>([
  ['/', servePage],
  ['/setup.js', () => reply(200, 'OK', 'text/javascript; charset=utf-8', SETUP_SCRIPT)],
  // Asked for from the page at http:// or of the dashboard, across origins: all it tells is public.
  [
    '/here.json',
    ({ certificates }) =>
      reply(200, 'OK', 'application/json', JSON.stringify({ weir: certificates[0]?.fingerprint ?? '' }), [
        'Access-Control-Allow-Origin',
        '*',
      ]),
  ],
  ['/ca.pem', ({ files }) => download('ca.pem', 'application/x-pem-file', files.pem, 'attachment')],
  // Firefox and Android ask at once what it is to be trusted for.
  ['/ca.der', ({ files }) => download('ca.der', 'application/x-x509-ca-cert', files.der, 'inline')],
  [
    '/ca.mobileconfig',
    ({ files }) =>
      download('ca.mobileconfig', 'application/x-apple-aspen-config', files.mobileconfig, 'attachment'),
  ],
  ['/ca.p12', ({ files }) => download('ca.p12', 'application/x-pkcs12', files.pkcs12, 'attachment')],
  ['/proxy.pac', ({ pac }) => reply(200, 'OK', PAC_TYPE, pac)],
  ['/wpad.dat', ({ pac }) => reply(200, 'OK', PAC_TYPE, pac)],
]);

/** Paths of the site, for hints. */
export const SETUP_PATHS: readonly string[] = [...PATHS.keys()];

function servePage({ place, certificates, checkable }: SetupFacts, { headers }: SetupRequest): SetupReply {
  const agent = fieldOf(headers, 'user-agent').slice(0, 512);
  const platforms = platformsOf(agent);
  return setupPage({ place, certificates, checkable, platforms }, formFor(headers, agent));
}

function download(
  name: keyof typeof DOWNLOADS,
  type: string,
  body: Buffer,
  manner: 'inline' | 'attachment',
): SetupReply {
  return reply(200, 'OK', type, body, [
    'Content-Disposition',
    `${manner}; filename="${DOWNLOADS[name].file}"`,
  ]);
}

function reply(
  status: number,
  reason: string,
  type: string,
  content: string | Buffer,
  more: readonly string[] = [],
): SetupReply {
  const body = Buffer.from(content);
  const headers = ['Content-Type', type, 'Content-Length', String(body.length), 'Cache-Control', 'no-store'];
  const policy = ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"];
  return {
    status,
    reason,
    headers: [...headers, ...policy, 'X-Content-Type-Options', 'nosniff', ...more],
    body,
  };
}

/** Programs that show what they get on a terminal. */
const TEXT_READERS = /^(?:curl|Wget|HTTPie|xh|Lynx|w3m|PowerShell)\b|PowerShell\//i;

/** Text for programs of the command line that do not say what they want. */
function formFor(headers: readonly string[], agent: string): PageAudience {
  const accept = fieldOf(headers, 'accept');
  const isOpen = accept === '' || accept.trim() === '*/*';
  return isOpen && TEXT_READERS.test(agent) ? 'text' : audienceOf(headers);
}

/**
 * The platforms that a User-Agent speaks of, most likely first. An iPad that poses as a Mac is found out by
 * the page's script.
 */
export function platformsOf(agent: string): readonly Platform[] {
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  const found: Platform[] = system === undefined ? [] : [system];
  // On phones Firefox takes what the system trusts, or nothing at all.
  if (/\bFirefox\/|\bLibreWolf\//.test(agent) && !/Android|Mobile/.test(agent)) found.unshift('firefox');
  return found;
}

const SYSTEMS: readonly (readonly [RegExp, Platform])[] = [
  [/^(?:curl|Wget)\b/i, 'curl'],
  [/^git\//i, 'git'],
  [/^(?:node|npm|undici|axios)\b/i, 'node'],
  [/^(?:python|pip)\b/i, 'python'],
  [/^(?:Java|Apache-HttpClient|okhttp)\b/i, 'java'],
  [/^docker\//i, 'docker'],
  [/\b(?:iPhone|iPad|iPod)\b/, 'ios'],
  [/\bAndroid\b/, 'android'],
  [/\bWindows\b/, 'windows'],
  [/\bMac(?:intosh|OS| OS X)\b/, 'macos'],
  [/\b(?:Linux|X11|CrOS)\b/, 'linux'],
];

function fieldOf(headers: readonly string[], name: string): string {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]!.toLowerCase() === name) return headers[at + 1]!;
  }
  return '';
}
