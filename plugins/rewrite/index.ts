// Rewrites messages by rule: header fields, texts in small text bodies, a banner in HTML pages. A banner
// changes the beginning of a page alone, and is given as such: the page itself is not copied, and an ICAP
// client that can answers with 206 and keeps it (prefix and keepFrom of the plugin API).

import { allow, definePlugin, modify, type BladeBody, type BladeMessage, type Verdict } from 'weir';
import { asciiHtml, bannerOffset, HEAD_REACH } from './banner.ts';
import { beginning, decoded, encoded } from './content.ts';
import { changeHeaders, forbidsTransform, forChangedBody } from './header-change.ts';
import { matchingRules, mediaType } from './matching.ts';
import { optionsSchema, type RewriteOptions, type RewriteRule } from './options.ts';

const TEXT_TYPE = /^text\/|^application\/(?:json|xml|javascript|x-www-form-urlencoded)$|\+(?:json|xml)$/;

export default definePlugin<RewriteOptions>({
  name: 'rewrite',
  version: '0.1.0',
  options: optionsSchema,
  setup({ options, blade }) {
    blade({
      name: 'rewrite',
      inspect: (message) => {
        const rules = matchingRules(options.rules, message);
        return rules.length === 0 ? allow() : rewrite(message, rules, options);
      },
    });
  },
});

interface BodyChange {
  readonly prefix?: Buffer;
  readonly keepFrom?: number;
  readonly body?: Buffer;
  /** The body no longer has the coding that it came in. */
  readonly plain?: boolean;
}

async function rewrite(
  message: BladeMessage,
  rules: readonly RewriteRule[],
  options: RewriteOptions,
): Promise<Verdict> {
  const head = message.direction === 'request' ? message.request : message.response;
  if (head === null) return allow();
  const change = await changeBody(message, rules, options);
  let headers = changeHeaders(head.headers, rules);
  if (change === null) return headers === head.headers ? allow() : modify({ headers });
  const { plain = false, ...bytes } = change;
  headers = forChangedBody(headers);
  if (plain) headers = headers.filter((_, i) => headers[i - (i % 2)]!.toLowerCase() !== 'content-encoding');
  return modify({ headers, ...bytes });
}

async function changeBody(
  message: BladeMessage,
  rules: readonly RewriteRule[],
  { maxBytes, ignoreNoTransform }: RewriteOptions,
): Promise<BodyChange | null> {
  const { body } = message;
  if (body === null || body.size === 0 || !isWholeText(message)) return null;
  if (!ignoreNoTransform && forbidsTransform(message.header('cache-control'))) return null;
  const banner = bannerFor(message, rules);
  const replacements = rules.flatMap(({ replace }) => replace);
  const coding = message.header('content-encoding');
  const isCoded = !['', 'identity'].includes((coding ?? '').trim().toLowerCase());
  if (replacements.length === 0) {
    if (banner === null) return null;
    if (!isCoded) return bannerInFront(body, banner, isNavigation(message));
  }

  const original = await decoded(body, coding, maxBytes);
  if (original === null) return null;
  let changed = original;
  for (const { find, with: replacement } of replacements)
    changed = replaceAll(changed, find, replacement, message);
  const offset =
    banner === null ? null : bannerOffset(changed.subarray(0, HEAD_REACH + 1), isNavigation(message));
  if (offset !== null)
    changed = Buffer.concat([changed.subarray(0, offset), banner!, changed.subarray(offset)]);
  if (changed === original) return null;
  const packed = isCoded ? await encoded(changed, coding) : null;
  return packed === null ? { body: changed, plain: isCoded } : { body: packed };
}

async function bannerInFront(
  body: BladeBody,
  banner: Buffer,
  navigation: boolean,
): Promise<BodyChange | null> {
  const page = await beginning(body, HEAD_REACH + 1); // one more tells that there is more
  const offset = bannerOffset(page, navigation);
  if (offset === null) return null;
  const start = Buffer.concat([page.subarray(0, offset), banner]);
  // Nothing is left to keep: by the letter of the 206 draft an offset must lie within the body.
  return offset === body.size ? { body: start } : { prefix: start, keepFrom: offset };
}

/** A part of an object and text in 16-bit units are left alone. */
function isWholeText(message: BladeMessage): boolean {
  const contentType = message.header('content-type');
  if (message.response?.status === 206 || message.header('content-range') !== undefined) return false;
  return (
    TEXT_TYPE.test(mediaType(contentType)) && !/charset\s*=\s*"?\s*(?:utf-?(?:16|32)|ucs)/i.test(contentType!)
  );
}

/** The banners of all rules in a row, or null where the message gets none. */
function bannerFor(message: BladeMessage, rules: readonly RewriteRule[]): Buffer | null {
  if (!/^(?:text\/html|application\/xhtml\+xml)$/.test(mediaType(message.header('content-type'))))
    return null;
  const target = fetchTarget(message);
  const wanted = rules.filter(({ banner }) => {
    if (banner === null) return false;
    return target === null || target === 'document' || (banner.frames && /^i?frame$/.test(target));
  });
  return wanted.length === 0 ? null : Buffer.concat(wanted.map(({ banner }) => asciiHtml(banner!.html)));
}

/** What the browser loads it for (Sec-Fetch-Dest); null where it does not say. */
function fetchTarget({ request }: BladeMessage): string | null {
  const headers = request?.headers ?? [];
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'sec-fetch-dest');
  return at < 0 ? null : headers[at + 1]!.trim().toLowerCase();
}

function isNavigation(message: BladeMessage): boolean {
  return fetchTarget(message) !== null;
}

/** The same buffer where the text is not in it. */
function replaceAll(bytes: Buffer, find: string, replacement: string, message: BladeMessage): Buffer {
  const charset = /charset\s*=\s*"?\s*(?:iso-8859-1|windows-1252|latin1)/i.test(
    message.header('content-type') ?? '',
  )
    ? 'latin1'
    : 'utf8';
  const [from, to] = [Buffer.from(find, charset), Buffer.from(replacement, charset)];
  const parts: Buffer[] = [];
  let at = 0;
  for (let found = bytes.indexOf(from); found >= 0; found = bytes.indexOf(from, at)) {
    parts.push(bytes.subarray(at, found), to);
    at = found + from.length;
  }
  return at === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(at)]);
}
