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
const TAG = /<!--[\s\S]*?-->|<([a-z][\w:-]*)((?:\s+|\/)(?:"[^"]*"|'[^']*'|[^'">])*)?>/gi;
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
  TAG.lastIndex = 0;
  for (let match = TAG.exec(html); match !== null; match = TAG.exec(html)) {
    if (match[1] === undefined) continue;
    const tag = match[1].toLowerCase();
    const attributes = readAttributes(match[2] ?? '');
    const raw = RAW_TEXT.has(tag);
    const start = TAG.lastIndex;
    const end = raw ? endTag(html, tag, start) : html.indexOf('<', start);
    const text = html.slice(start, Math.min(end < 0 ? html.length : end, start + MAX_ELEMENT_TEXT));
    if (raw) TAG.lastIndex = end < 0 ? html.length : end;
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
