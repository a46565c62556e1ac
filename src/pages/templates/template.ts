// Templates of pages: text with `{{name}}` marks and nothing else, so that a template cannot do harm. Each mark
// is escaped for where it stands; where no escaping would be safe (scripts, addresses, attributes without
// quotes) it is refused when the template is read. What a page without scripts could not do is refused too.

import { escapeHtml, Html } from '../escape.ts';

/** What goes into a template: text is escaped, markup is not. */
export type TemplateValues = Readonly<Record<string, string | Html>>;

export interface Template {
  render(values: TemplateValues): string;
}

/** Something that is wrong with a template. `line` begins at 1. */
export interface TemplateFault {
  readonly line: number;
  readonly message: string;
}

/** Names that marks may have, by what stands for them. */
export interface TemplateNames {
  readonly texts: readonly string[];
  readonly markup: readonly string[];
}

const MARK = /\{\{\s*([^{}]*?)\s*\}\}/g;
const FORBIDDEN_ELEMENTS = new Set(['script', 'style', 'link', 'iframe', 'object', 'embed', 'base', 'meta']);
const ADDRESSES = new Set(['href', 'src', 'srcset', 'action', 'formaction', 'data', 'poster', 'background']);
// Comments, and tags with attributes: name, or name and a value in double, single or no quotes.
const TAG = /<!--[\s\S]*?(?:-->|$)|<(\/?)([a-z][^\s/>]*)((?:[^>"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*)(>|$)/gi;
const ATTRIBUTE = /([^\s=/"'>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?/g;

/** Reads a template of plain text. */
export function textTemplate(
  source: string,
  names: TemplateNames,
): { template: Template; faults: TemplateFault[] } {
  const faults = unknownMarks(source, [...names.texts, ...names.markup]);
  return { template: { render: (values) => filled(source, values, (value) => plain(value)) }, faults };
}

/** Reads a template of HTML. */
export function htmlTemplate(
  source: string,
  names: TemplateNames,
): { template: Template; faults: TemplateFault[] } {
  const faults = unknownMarks(source, [...names.texts, ...names.markup]);
  for (const found of source.matchAll(TAG)) {
    const line = lineAt(source, found.index);
    const [whole, , element, attributes = '', end] = found;
    if (element === undefined) {
      if (/\{\{/.test(whole)) faults.push({ line, message: 'no mark may stand in a comment' });
      continue;
    }
    if (end !== '>') faults.push({ line, message: `<${element.slice(0, 40)} is never closed` });
    faults.push(...tagFaults(element, attributes, line, names));
  }
  const template = {
    render: (values: TemplateValues): string =>
      filled(source, values, (value) => (value instanceof Html ? value.markup : escapeHtml(value))),
  };
  return { template, faults };
}

function tagFaults(
  element: string,
  attributes: string,
  line: number,
  { markup }: TemplateNames,
): TemplateFault[] {
  const faults: TemplateFault[] = [];
  const fault = (message: string): void => void faults.push({ line, message });
  const lower = element.toLowerCase();
  if (/\{\{/.test(element)) fault('no mark may stand in the name of an element');
  const isHarmless = lower === 'meta' && !/http-equiv/i.test(attributes);
  if (FORBIDDEN_ELEMENTS.has(lower) && !isHarmless) {
    fault(
      lower === 'style' || lower === 'link'
        ? `<${lower}> has no effect on these pages: use style.css and {{style}}`
        : `<${lower}> is not allowed: the page loads and runs nothing`,
    );
  }
  for (const [, name = '', value = ''] of attributes.matchAll(ATTRIBUTE)) {
    const attribute = name.toLowerCase();
    if (/\{\{|\}\}/.test(name)) fault('a mark must stand in the text or in a quoted attribute');
    if (attribute.startsWith('on')) fault(`${attribute} is not allowed: the page runs nothing`);
    if (attribute === 'style') fault('style="…" has no effect on these pages: use style.css');
    if (!/\{\{/.test(value)) continue;
    if (!/^["']/.test(value)) fault(`the value of ${attribute} needs quotes`);
    if (ADDRESSES.has(attribute)) fault(`no mark may stand in ${attribute}: it would be an address`);
    for (const [, mark = ''] of value.matchAll(MARK)) {
      if (markup.includes(mark)) fault(`{{${mark}}} is markup and may not stand in ${attribute}`);
    }
  }
  return faults;
}

function unknownMarks(source: string, known: readonly string[]): TemplateFault[] {
  const faults: TemplateFault[] = [];
  for (const found of source.matchAll(MARK)) {
    const name = found[1]!;
    if (known.includes(name)) continue;
    const message = `{{${name.slice(0, 40)}}} is not known; there are ${known.join(', ')}`;
    faults.push({ line: lineAt(source, found.index), message });
  }
  const open = source.replace(MARK, (mark) => ' '.repeat(mark.length)).indexOf('{{');
  if (open !== -1) faults.push({ line: lineAt(source, open), message: '{{ is never closed with }}' });
  return faults;
}

function filled(source: string, values: TemplateValues, write: (value: string | Html) => string): string {
  return source.replace(MARK, (_, name: string) => write(values[name] ?? ''));
}

function plain(value: string | Html): string {
  return value instanceof Html ? value.markup : value;
}

/** Number of the line with that character. */
export function lineAt(source: string, index: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < index; at = source.indexOf('\n', at + 1)) line++;
  return line;
}
