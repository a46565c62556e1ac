// Takes out of a part what pointed at something that is gone. Office programs call a document damaged where an
// id has no relationship, or a list that must have entries has none.

import { changeTags, withoutAttributes } from './xml.ts';

/** Elements that mean nothing without what they point at. */
const WHOLE = new Set(
  'attachedTemplate control OLEObject oleObject sheet subDoc altChunk externalReference externalData webextensionref'.split(
    ' ',
  ),
);
/** Elements of which the id is required, and may be empty. */
const CLICKS = new Set(['hlinkClick', 'hlinkHover', 'hlinkMouseOver']);
const NAMESPACE_PREFIX = /xmlns:([\w.-]+)\s*=\s*["'][^"']*\/relationships["']/g;
/** Lists that must not be empty, and what is left of alternatives. */
const EMPTY =
  /<mc:AlternateContent(?:\s[^<>]*)?>\s*(?:<mc:(?:Choice|Fallback)(?:\s[^<>]*)?(?:\/>|>\s*<\/mc:(?:Choice|Fallback)>)\s*)+<\/mc:AlternateContent>|<((?:\w+:)?(?:oleObjects|controls|externalReferences|definedNames))(?:\s[^<>]*)?>\s*<\/\1>/g;

/** @param ids of relationships that are gone @throws {XmlError} an element without end */
export function withoutReferences(xml: string, ids: ReadonlySet<string>): string {
  const prefixes = new Set([...xml.matchAll(NAMESPACE_PREFIX)].map((match) => `${match[1]}:`));
  const gone = (name: string, value: string): boolean =>
    ids.has(value) && [...prefixes].some((prefix) => name.startsWith(prefix));
  const hasGone = (attributes: ReadonlyMap<string, string>): boolean =>
    [...attributes].some(([name, value]) => gone(name, value));

  const framed = changeTags(xml, (tag) => {
    if (tag.name !== 'graphicFrame') return null;
    const frame = xml.slice(tag.at, xml.indexOf('graphicFrame>', tag.at + tag.text.length));
    const pointing = [...frame.matchAll(/<(?:\w+:)?oleObj\s[^<>]*/g)].some(([text]) =>
      [...text.matchAll(/([\w.:-]+)\s*=\s*["']([^"']*)["']/g)].some(([, name, value]) => gone(name!, value!)),
    );
    return pointing ? 'remove' : null;
  });
  const changed = changeTags(framed, (tag) => {
    if (!hasGone(tag.attributes)) return null;
    if (WHOLE.has(tag.name)) return 'remove';
    if (CLICKS.has(tag.name)) {
      return tag.text.replace(
        /([\w.:-]+)(\s*=\s*)(["'])([^"']*)\3/g,
        (all, name: string, equals: string, quote: string, value: string) =>
          gone(name, value) ? `${name}${equals}${quote}${quote}` : all,
      );
    }
    return withoutAttributes(tag, gone);
  });
  let result = changed;
  for (let before = ''; before !== result;) {
    before = result;
    result = result.replace(EMPTY, '');
  }
  return result;
}

/**
 * Disarms what runs a program without any relationship: DDE fields of Word, DDE links of workbooks, and
 * actions of slides. @returns the same text where there is none
 */
export function withoutPrograms(xml: string): string {
  let result = xml;
  if (/instrText|fldSimple/.test(result) && isDde(result)) {
    result = result.replace(/(<(?:\w+:)?instrText(?:\s[^<>]*)?>)[^<]*(<\/)/g, '$1$2');
    result = changeTags(result, (tag) =>
      tag.name === 'fldSimple'
        ? withoutAttributes(tag, (name) => name.endsWith('instr')).replace(/\s*(\/?)>$/, ` w:instr=""$1>`)
        : null,
    );
  }
  if (/ddeLink/.test(result)) {
    result = changeTags(result, (tag) =>
      tag.name === 'ddeLink' && tag.attributes.get('ddeService') !== 'removed'
        ? withoutAttributes(tag, (name) => name === 'ddeService' || name === 'ddeTopic').replace(
            /\s*(\/?)>$/,
            ' ddeService="removed" ddeTopic="removed"$1>',
          )
        : null,
    );
  }
  if (/ppaction:/i.test(result)) {
    result = changeTags(result, (tag) =>
      /^ppaction:\/\/(?:program|macro|ole)/i.test(tag.attributes.get('action') ?? '')
        ? withoutAttributes(tag, (name) => name === 'action')
        : null,
    );
  }
  return result;
}

/** A field's code may be spread over many runs, and its letters written as references. */
function isDde(xml: string): boolean {
  const codes = [...xml.matchAll(/<(?:\w+:)?instrText(?:\s[^<>]*)?>([^<]*)</g)].map((match) => match[1]);
  const simple = [...xml.matchAll(/(?:\w+:)?instr\s*=\s*["']([^"']*)["']/g)].map((match) => match[1]);
  const all = [codes.join(''), ...simple]
    .join('\n')
    .replace(/&#(?:(\d+)|x([0-9a-f]+));/gi, (_, decimal?: string, hex?: string) =>
      String.fromCharCode(decimal === undefined ? parseInt(hex!, 16) : Number(decimal)),
    );
  return /\bDDE(?:AUTO)?\b|\bDDEAUTO/i.test(all);
}
