// Reads markup for the emulator: its elements with attributes and text, and its scripts in order. Not a
// tree builder: what is nested in what makes no difference to behaviour. Pure, and never throws.

export interface HtmlElement {
  readonly tag: string;
  readonly attributes: Record<string, string>;
  text: string;
}

export interface HtmlScript {
  /** Code between the tags; `''` where `src` says where it is. */
  readonly code: string;
  readonly src: string;
  /** `vbscript` where the element says so. */
  readonly language: 'javascript' | 'vbscript';
}

export interface HtmlPage {
  readonly elements: readonly HtmlElement[];
  readonly scripts: readonly HtmlScript[];
  /** An application (`<hta:application>`) runs with the rights of a program. */
  readonly isApplication: boolean;
}

const MAX_ELEMENTS = 3000;
const MAX_SCRIPTS = 100;
const MAX_ELEMENT_TEXT = 2 * 2 ** 20; // characters
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g;
/** Elements whose content is text up to their own end tag. */
const RAW_TEXT = new Set(['script', 'style', 'textarea', 'title', 'noscript', 'xmp', 'template']);
const CODE_TYPES =
  /^(?:|text\/(?:javascript|jscript|ecmascript|vbscript)|application\/(?:x-)?(?:java|ecma)script|module|jscript(?:\.encode)?|javascript|vbscript)$/i;

/** Reads a page or a piece of one. */
export function readHtml(html: string): HtmlPage {
  const elements: HtmlElement[] = [];
  const scripts: HtmlScript[] = [];
  let isApplication = false;
  let at = 0;
  for (let opened = nextTag(html, 0); opened !== null; opened = nextTag(html, at)) {
    const { tag } = opened;
    const attributes = readAttributes(html.slice(opened.from, opened.to));
    at = opened.to + 1;
    const raw = RAW_TEXT.has(tag);
    const start = at;
    const end = raw ? endTag(html, tag, start) : html.indexOf('<', start);
    const text = html.slice(start, Math.min(end < 0 ? html.length : end, start + MAX_ELEMENT_TEXT));
    if (raw) at = end < 0 ? html.length : end;
    isApplication ||= tag === 'hta:application';
    const known = tag === 'script' && CODE_TYPES.test((attributes['type'] ?? '').trim());
    if (known && scripts.length < MAX_SCRIPTS) {
      const vb = /vbs/i.test(`${attributes['type'] ?? ''} ${attributes['language'] ?? ''}`);
      const src = attributes['src'] ?? attributes['href'] ?? attributes['xlink:href'] ?? '';
      scripts.push({
        code: src === '' ? uncommented(text) : '',
        src,
        language: vb ? 'vbscript' : 'javascript',
      });
    }
    if (elements.length < MAX_ELEMENTS)
      elements.push({
        tag,
        attributes,
        text: raw && tag !== 'textarea' && tag !== 'template' ? text : entities(text),
      });
  }
  return { elements, scripts, isApplication };
}

/** The next start tag: its name, and where its attributes are. By hand: patterns for it are quadratic. */
function nextTag(html: string, start: number): { tag: string; from: number; to: number } | null {
  for (let at = html.indexOf('<', start); at >= 0; at = html.indexOf('<', at)) {
    if (html.startsWith('<!--', at)) {
      at = html.indexOf('-->', at + 4);
      if (at < 0) return null;
      continue;
    }
    let from = at + 1;
    if (!/[a-z]/i.test(html[from] ?? '')) {
      at = from;
      continue;
    }
    while (from < html.length && /[\w:-]/.test(html[from]!)) from += 1;
    const to = tagEnd(html, from);
    return to < 0 ? null : { tag: html.slice(at + 1, from).toLowerCase(), from, to };
  }
  return null;
}

/** Index of the `>` that ends a tag, quoted values passed over; -1 where it has no end. */
function tagEnd(html: string, from: number): number {
  for (let at = from; at < html.length; at += 1) {
    const character = html[at]!;
    if (character === '>') return at;
    if ((character === '"' || character === "'") && html[at - 1] === '=') {
      at = html.indexOf(character, at + 1);
      if (at < 0) return -1;
    }
  }
  return -1;
}

function endTag(html: string, tag: string, from: number): number {
  const end = new RegExp(`</${tag}[\\s/>]`, 'gi');
  end.lastIndex = from;
  return end.exec(html)?.index ?? -1;
}

function uncommented(code: string): string {
  return code.replace(/^\s*<!--[^\n]*\n|^\s*(?:<!\[CDATA\[|\/\/<!\[CDATA\[)|(?:\/\/)?\]\]>\s*$/g, '');
}

function readAttributes(text: string): Record<string, string> {
  const found = Object.create(null) as Record<string, string>;
  let count = 0;
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE)) {
    if ((count += 1) > 60) break;
    const key = name!.toLowerCase();
    if (!(key in found)) found[key] = entities(double ?? single ?? bare ?? '');
  }
  return found;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\xa0',
  colon: ':',
  lpar: '(',
  rpar: ')',
  Tab: '\t',
  NewLine: '\n',
};

function entities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));?/gi,
    (all, hex?: string, digits?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? all;
      const code = hex === undefined ? Number(digits) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}
