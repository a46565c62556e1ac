// Makes search engines hide explicit results, as each of them documents for networks: a query parameter in
// the request's target, YouTube's header, and `Prefer: safe` (RFC 8674) for whoever heeds it.

import { fieldValue, modify, type RequestHead, type Verdict } from 'weir';

export type Engine = 'google' | 'bing' | 'duckduckgo' | 'yahoo' | 'youtube';

interface EngineRule {
  readonly engine: Engine;
  readonly host: RegExp;
  /** Query parameter that search requests get; null: none. */
  readonly parameter: readonly [name: string, value: string] | null;
  readonly paths: RegExp;
}

const ENGINES: readonly EngineRule[] = [
  {
    engine: 'google',
    host: /^(?:www\.|images\.|search\.)?google\.(?:com?\.)?[a-z]{2,3}$/,
    parameter: ['safe', 'active'],
    paths: /^\/(?:search|images|imgres|s|complete\/search)\b/,
  },
  {
    engine: 'bing',
    host: /^(?:www\.|[a-z]{2}\.)?bing\.com$/,
    parameter: ['adlt', 'strict'],
    paths: /^\/(?:search|images|videos|news|shop|AS\/)/,
  },
  {
    engine: 'duckduckgo',
    host: /^(?:(?:www|html|lite|links|start)\.)?duckduckgo\.com$/,
    parameter: ['kp', '1'],
    paths: /^\//,
  },
  { engine: 'yahoo', host: /(?:^|\.)search\.yahoo\.com$/, parameter: ['vm', 'r'], paths: /^\// },
  {
    engine: 'youtube',
    host: /^(?:(?:www|m|music)\.)?youtube\.com$|^www\.youtube-nocookie\.com$|^youtubei?\.googleapis\.com$/,
    parameter: null,
    paths: /^\//,
  },
];

/** What the request becomes, or null where it is for none of the engines or is safe as it is. */
export function enforceSafeSearch(
  url: URL,
  host: string,
  request: RequestHead,
  engines: readonly Engine[],
  youtube: 'strict' | 'moderate',
): Verdict | null {
  const rule = ENGINES.find((one) => engines.includes(one.engine) && one.host.test(host));
  if (rule === undefined) return null;
  let headers = request.headers;
  if (rule.engine === 'youtube') {
    headers = withField(headers, 'YouTube-Restrict', youtube === 'strict' ? 'Strict' : 'Moderate');
  }
  if (!/(?:^|,)\s*safe\s*(?:,|$)/i.test(fieldValue(headers, 'prefer') ?? ''))
    headers = [...headers, 'Prefer', 'safe'];
  const target =
    rule.parameter !== null && rule.paths.test(url.pathname)
      ? safeTarget(request.target, rule.parameter)
      : null;
  if (target !== null && target !== request.target) return modify({ headers, target });
  return headers === request.headers ? null : modify({ headers });
}

/** The target with the parameter once, at the end of its query, whatever it had before. */
function safeTarget(target: string, [name, value]: readonly [string, string]): string {
  const [whole = ''] = target.split('#', 1);
  const mark = whole.indexOf('?');
  const pairs = mark < 0 ? [] : whole.slice(mark + 1).split('&');
  const others = pairs.filter((pair) => pair !== '' && nameOf(pair) !== name);
  return `${mark < 0 ? whole : whole.slice(0, mark)}?${[...others, `${name}=${value}`].join('&')}`;
}

/** Name of a query pair as servers read it: `%73afe` is `safe`. */
function nameOf(pair: string): string {
  const [raw = ''] = pair.split('=', 1);
  try {
    return decodeURIComponent(raw.replaceAll('+', ' ')).toLowerCase();
  } catch {
    return raw.toLowerCase();
  }
}

function withField(headers: readonly string[], name: string, value: string): string[] {
  const same = fieldValue(headers, name.toLowerCase()) === value;
  if (same) return headers as string[];
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== name.toLowerCase()) kept.push(headers[i]!, headers[i + 1]!);
  }
  return [...kept, name, value];
}
