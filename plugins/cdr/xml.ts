// The little XML that cleaning needs: tags with their attributes, found and changed in place. No tree is
// made: what is not touched keeps every byte. Documents never have a DTD; one that has is refused.

/** The part cannot be read with certainty. */
export class XmlError extends Error {}

export interface Tag {
  /** Name without its prefix. */
  readonly name: string;
  /** Values by name with prefix, references undone. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly text: string;
  readonly at: number;
  readonly selfClosing: boolean;
}

const TAG = /<((?:[\w.-]+:)?[\w.-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/g;
const ATTRIBUTE = /([\w.:-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** @throws {XmlError} an encoding that is none of UTF-8 and UTF-16, or a DTD */
export function xmlText(bytes: Buffer): string {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (!isWide && bytes.subarray(0, 4).includes(0)) throw new XmlError('its encoding is not UTF-8 or UTF-16');
  const decoder = new TextDecoder(isWide ? (bytes[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8');
  const text = decoder
    .decode(bytes)
    .replace(/^(<\?xml[^>]*?encoding\s*=\s*["'])([^"']*)/i, (_, before: string, name: string) => {
      if (!/^utf-?(?:8|16(?:le|be)?)$|^us-ascii$/i.test(name)) throw new XmlError(`its encoding is ${name}`);
      return `${before}UTF-8`;
    });
  if (/<!DOCTYPE/i.test(text)) throw new XmlError('it has a DTD');
  return text;
}

/** All start tags of that local name, outside comments. */
export function tagsOf(xml: string, name: string): Tag[] {
  const tags: Tag[] = [];
  for (const match of withoutComments(xml).matchAll(TAG)) {
    const tag = tagOf(match);
    if (tag.name === name) tags.push(tag);
  }
  return tags;
}

/** How often `<name` or `<prefix:name` begins: as many as `tagsOf` finds, unless something is odd. */
export function countOf(xml: string, name: string): number {
  return [...withoutComments(xml).matchAll(new RegExp(`<(?:[\\w.-]+:)?${name}(?=[\\s/>])`, 'g'))].length;
}

/**
 * Goes through all start tags. `change` gives a tag's new text, `null` to keep it, or `'remove'` to take the
 * element away with all that is in it.
 */
export function changeTags(xml: string, change: (tag: Tag) => string | null | 'remove'): string {
  let result = '';
  let done = 0;
  for (const match of xml.matchAll(TAG)) {
    if (match.index < done) continue; // within what was taken away
    const changed = change(tagOf(match));
    if (changed === null) continue;
    result += xml.slice(done, match.index);
    done = match.index + match[0].length;
    if (changed !== 'remove') result += changed;
    else if (match[3] !== '/') done = endOf(xml, match[1]!, done);
  }
  return done === 0 ? xml : result + xml.slice(done);
}

/** The tag without attributes for which `drop` says so. */
export function withoutAttributes(tag: Tag, drop: (name: string, value: string) => boolean): string {
  return tag.text.replace(
    new RegExp(`\\s+${ATTRIBUTE.source}`, 'g'),
    (all, name: string, double?: string, single?: string) =>
      drop(name, unescapeXml(double ?? single ?? '')) ? '' : all,
  );
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function tagOf(match: RegExpExecArray): Tag {
  const attributes = new Map<string, string>();
  for (const [, name, double, single] of match[2]!.matchAll(ATTRIBUTE))
    attributes.set(name!, unescapeXml(double ?? single ?? ''));
  const name = match[1]!.slice(match[1]!.indexOf(':') + 1);
  return { name, attributes, text: match[0], at: match.index, selfClosing: match[3] === '/' };
}

/** Behind the end tag that belongs to a start tag, elements of the same name within it counted. */
function endOf(xml: string, name: string, from: number): number {
  const either = new RegExp(`<(/?)${name.replaceAll('.', '\\.')}(?=[\\s/>])[^<>]*?(/?)>`, 'g');
  either.lastIndex = from;
  let depth = 1;
  for (let match = either.exec(xml); match !== null; match = either.exec(xml)) {
    if (match[1] === '/') depth -= 1;
    else if (match[2] !== '/') depth += 1;
    if (depth === 0) return either.lastIndex;
  }
  throw new XmlError(`<${name}> has no end`);
}

function withoutComments(xml: string): string {
  return xml.includes('<!--') ? xml.replace(/<!--[\s\S]*?(?:-->|$)/g, '') : xml;
}

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi,
    (all, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED[name] ?? all;
      const point = decimal === undefined ? parseInt(hex!, 16) : Number(decimal);
      return point <= 0x10ffff ? String.fromCodePoint(point) : all;
    },
  );
}
