// Where a banner goes in a page: behind <body>, or where browsers would begin the body of a page without
// one. Only the beginning of the page is read, so that the rest of it can stay where it is.

/** So many bytes of a page are searched for the place. */
export const HEAD_REACH = 64 * 1024;

const RAW_TEXT = /^(?:script|style|title|noscript|template)$/;
const IN_HEAD = /^(?:html|head|meta|link|base|basefont|bgsound|script|style|title|noscript|template)$/;

/**
 * Offset behind which a banner goes, in bytes; null where the content is no whole page, or its body begins
 * beyond `HEAD_REACH`.
 *
 * @param page its first bytes
 * @param isNavigation the browser said that it is loading a page; else the content must look like one
 */
export function bannerOffset(page: Buffer, isNavigation: boolean): number | null {
  const text = page.toString('latin1', 0, HEAD_REACH);
  const isWhole = page.length <= HEAD_REACH;
  let looksWhole = isNavigation;
  let place: number | null = null; // behind the last thing that belongs to the head
  let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0;
  for (;;) {
    at = skipBlanks(text, at);
    if (at >= text.length) break;
    const end = tagEnd(text, at);
    if (text[at] !== '<') break; // text: the body has begun
    if (end < 0) return null;
    const name = /^<\/?([a-z][a-z0-9]*)/i.exec(text.slice(at, at + 32))?.[1]?.toLowerCase() ?? '';
    const opens = text[at + 1] !== '/';
    if (name === 'body' && opens) return end;
    if (name === 'frameset') return null;
    if (name !== '' && !IN_HEAD.test(name)) break;
    if (name === 'html' || /^<!doctype/i.test(text.slice(at, at + 9))) looksWhole = true;
    at = end;
    if (opens && RAW_TEXT.test(name)) {
      const close = text.toLowerCase().indexOf(`</${name}`, at);
      const closed = close < 0 ? -1 : tagEnd(text, close);
      if (closed < 0) return null;
      at = closed;
    }
    place = at;
  }
  if (!looksWhole || (at >= text.length && !isWhole)) return null;
  return place ?? 0;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n\f'.includes(text[at]!)) at += 1;
  return at;
}

/** Behind the tag or comment that begins at `at`; -1 where it does not end in what was read. */
function tagEnd(text: string, at: number): number {
  if (text.startsWith('<!--', at)) {
    const end = text.indexOf('-->', at + 4);
    return end < 0 ? -1 : end + 3;
  }
  let quote = '';
  for (let i = at + 1; i < text.length; i += 1) {
    const character = text[i]!;
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '>') return i + 1;
    else if ((character === '"' || character === "'") && /[=\s]/.test(text[i - 1]!)) quote = character;
  }
  return -1;
}

/** The banner in ASCII, which is the same in every charset that pages have (but UTF-16). */
export function asciiHtml(html: string): Buffer {
  return Buffer.from(
    html.replace(/[^\x00-\x7f]/gu, (character) => `&#${character.codePointAt(0)};`),
    'latin1',
  );
}
