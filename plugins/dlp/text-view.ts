// Content as text to be searched: its encoding recognised, forms and markup undone. Word keeps a number that
// somebody typed in several runs of XML; what a reader sees as one must be found as one.

import type { Content } from 'weir/detect';

const FORM = 'application/x-www-form-urlencoded';
const MAX_TAG = 16 * 1024; // characters; a longer tag is read as text
/** Elements whose end is a gap for the reader: paragraphs, cells, lines (WordprocessingML, DrawingML, SpreadsheetML, ODF, HTML). */
const BREAKS =
  /^\/?(?:(?:w|a):(?:p|br|tab|tc|tr|cr)|si|c|row|v|t|text:(?:p|h|tab|line-break|s)|table:table-cell|p|br|td|th|tr|div|li|h\d|option|title)$/i;

/** A step from text to text; `end` gives what was held back. */
interface Step {
  push(text: string): string;
  end(): string;
}

/** The text of a content as it stands, and as its reader sees it where that is not the same. */
export interface TextViews {
  push(bytes: Buffer): { readonly raw: string; readonly seen: string | null };
  end(): { readonly raw: string; readonly seen: string | null };
}

/**
 * @param contentType of the whole body, which counts for the body itself alone
 */
export function textViews(
  { path, type }: Pick<Content, 'path' | 'type'>,
  contentType: string | undefined,
): TextViews {
  const isForm = path === '' && (contentType ?? '').trim().toLowerCase().startsWith(FORM);
  const isMarkup = type?.name === 'xml' || type?.name === 'html' || /\.(?:xml|rels|x?html?)$/i.test(path);
  const step = isForm ? formStep() : isMarkup ? markupStep() : null;
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  return {
    push(bytes) {
      decoder ??= new TextDecoder(encodingOf(bytes));
      const raw = decoder.decode(bytes, { stream: true });
      return { raw, seen: step === null ? null : step.push(raw) };
    },
    end() {
      const raw = decoder?.decode() ?? '';
      return { raw, seen: step === null ? null : step.push(raw) + step.end() };
    },
  };
}

function encodingOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const sample = bytes.subarray(0, 512);
  const zeros = [0, 0];
  for (const [i, byte] of sample.entries()) if (byte === 0) zeros[i % 2]! += 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > sample.length / 4 && even < sample.length / 16) return 'utf-16le';
  if (even > sample.length / 4 && odd < sample.length / 16) return 'utf-16be';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, 64 * 1024), { stream: true });
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
}

/** `a=4111+1111&b=%34` as `a: 4111 1111`, a line end, `b: 4`. */
export function formStep(): Step {
  let held = '';
  const undo = (text: string): string =>
    text
      .replaceAll('+', ' ')
      .replaceAll('=', ': ')
      .replaceAll('&', '\n')
      .replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
        Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
      );
  return {
    push(text) {
      const all = held + text;
      held = /(?:%[0-9a-f]{2}){0,8}%?[0-9a-f]?$/i.exec(all.slice(-26))![0];
      if (!held.includes('%')) held = '';
      return undo(all.slice(0, all.length - held.length));
    },
    end: () => undo(held),
  };
}

function markupStep(): Step {
  let held = '';
  const undo = (text: string): string =>
    text
      .replace(/<([^\s<>/]*|\/[^\s<>]*)[^<>]*>/g, (_, name: string) => (BREAKS.test(name) ? '\n' : ''))
      .replace(/&#(\d{1,7}|x[0-9a-f]{1,6});/gi, (_, code: string) => {
        const point = code[0] === 'x' || code[0] === 'X' ? parseInt(code.slice(1), 16) : Number(code);
        return point > 0x10ffff ? ' ' : String.fromCodePoint(point);
      })
      .replace(/&nbsp;/gi, ' ');
  return {
    push(text) {
      const all = held + text;
      const open = all.lastIndexOf('<');
      const unfinished = open >= 0 && !all.includes('>', open) && all.length - open < MAX_TAG;
      held = unfinished ? all.slice(open) : '';
      return undo(unfinished ? all.slice(0, open) : all);
    },
    end: () => undo(held),
  };
}
