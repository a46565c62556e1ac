// Judges one PDF: its scripts run in the emulated Acrobat, its actions and attachments are read. Goes by
// objects as they are written and by decoded streams, not by the cross-reference table, so that damage
// hides nothing. ISO 32000-1 §7.3.4, §12.6.

import { judgeCommand } from '../command-line.ts';
import type { BehaviourNode, Recorder } from '../report.ts';

const MAX_SCRIPTS = 60;
const MAX_ALL = 16 * 2 ** 20; // characters looked through
const PROGRAM =
  /\.(?:exe|dll|scr|com|pif|js|jse|vbs|vbe|wsf|hta|bat|cmd|ps1|msi|lnk|jar|iso|settingcontent-ms)$/i;
const OFFICE_MACRO = /\.(?:docm|dotm|xlsm|xlsb|xlam|pptm|ppam|iqy|slk)$/i;

/** What is left for the sandbox. */
export interface PdfScripts {
  readonly scripts: readonly string[];
  readonly info: Readonly<Record<string, string>>;
}

export class PdfDocument {
  readonly node: BehaviourNode;
  readonly #recorder: Recorder;
  readonly #raw: string;
  readonly #streams = new Map<number, string>();
  #size: number;

  constructor(recorder: Recorder, node: BehaviourNode, bytes: Buffer) {
    this.#recorder = recorder;
    this.node = node;
    this.#raw = bytes.toString('latin1', 0, MAX_ALL);
    this.#size = this.#raw.length;
  }

  /** Takes a decoded stream. @param keyword offset of its keyword, as in the member's name */
  add(keyword: number, bytes: Buffer): void {
    this.#size += bytes.length;
    if (this.#size <= MAX_ALL) this.#streams.set(keyword, bytes.toString('latin1'));
  }

  /** Judges actions and attachments; returns the scripts to run. */
  finish(): PdfScripts {
    const structure = withoutEscapes([this.#raw, ...this.#streams.values()].join('\n'));
    if (/\/(?:J#|#4a|#4A|Open#|Launc#|La#|#4c|#4C|JavaScrip#|#4f|#4F)[0-9a-zA-Z#]*/.test(this.#raw)) {
      this.#recorder.score(this.node, 'masked-names', 25, 'disguises the names of its actions');
    }
    this.#launches(structure);
    this.#remotes(structure);
    this.#attachments(structure);
    return { scripts: this.#scripts(structure), info: information(structure) };
  }

  #launches(text: string): void {
    for (const match of text.matchAll(/\/S\s*\/Launch\b/g)) {
      const around = text.slice(Math.max(0, match.index - 600), match.index + 1200);
      const file = literalAfter(around, '/F') ?? '';
      const parameters = literalAfter(around, '/P') ?? '';
      const node = this.#recorder.add(this.node, 'process', `${file} ${parameters}`.trim());
      const program =
        PROGRAM.test(file) || /cmd|powershell|mshta|^\/c\s|^\\\\/i.test(`${file} ${parameters}`);
      this.#recorder.score(
        node,
        'launches-program',
        program ? 80 : 30,
        `starts ${file} ${parameters}`.slice(0, 150),
      );
      judgeCommand(this.#recorder, node, `${file} ${parameters}`);
    }
  }

  /** Opening what is on somebody's share gives them the user's log-in. */
  #remotes(text: string): void {
    for (const match of text.matchAll(/\/S\s*\/(GoToR|GoToE|SubmitForm|ImportData)\b/g)) {
      const around = text.slice(Math.max(0, match.index - 300), match.index + 600);
      const target = literalAfter(around, '/F') ?? '';
      if (!/^(?:\\{2,4}|\/\/)[\w.-]+[\\/]/.test(target)) continue;
      const node = this.#recorder.add(this.node, 'network', target);
      this.#recorder.score(node, 'credential', 70, `gives log-in data to ${target}`);
    }
  }

  #attachments(text: string): void {
    if (!/\/EmbeddedFile\b|\/EF\b/.test(text)) return;
    for (const match of text.matchAll(/\/(?:Type\s*\/F(?:ilespec)?|EF)\b/g)) {
      const around = text.slice(Math.max(0, match.index - 300), match.index + 400);
      const name = literalAfter(around, '/UF') ?? literalAfter(around, '/F') ?? '';
      if (name === '') continue;
      const node = this.#recorder.add(this.node, 'file', name);
      if (PROGRAM.test(name)) this.#recorder.score(node, 'embeds-program', 50, `carries the program ${name}`);
      else if (OFFICE_MACRO.test(name))
        this.#recorder.score(node, 'embeds-macros', 30, `carries ${name}, which has macros`);
    }
  }

  #scripts(text: string): string[] {
    const found: string[] = [];
    for (const match of text.matchAll(/\/JS\s*(\(|<(?!<)|(\d+)\s+\d+\s+R)/g)) {
      if (found.length >= MAX_SCRIPTS) break;
      const at = match.index + match[0].length - 1;
      const script = match[2] === undefined ? literalAt(text, at) : this.#referred(match[2], text);
      if (script !== null && script.trim() !== '') found.push(script);
    }
    for (const [, code] of text.matchAll(
      /<script[^>]*contentType\s*=\s*["']application\/x-javascript["'][^>]*>([\s\S]*?)<\/script/gi,
    )) {
      if (found.length < MAX_SCRIPTS)
        found.push(
          code!
            .replaceAll('&lt;', '<')
            .replaceAll('&gt;', '>')
            .replaceAll('&quot;', '"')
            .replaceAll('&amp;', '&'),
        );
    }
    return [...new Set(found)];
  }

  /** A script in an object of its own: a stream, or a string. */
  #referred(number: string, text: string): string | null {
    const object = new RegExp(`(?:^|[^0-9])${number}\\s+\\d+\\s+obj\\b`).exec(this.#raw);
    if (object === null) return null;
    const start = object.index + object[0].length;
    const end = this.#raw.indexOf('endobj', start);
    const keyword = this.#raw.indexOf('stream', start);
    if (keyword >= 0 && (end < 0 || keyword < end)) return this.#streams.get(keyword) ?? null;
    const string = /^\s*[(<]/.exec(this.#raw.slice(start));
    return string === null ? null : (literalAt(this.#raw, start + string[0].length - 1) ?? text.slice(0, 0));
  }
}

function withoutEscapes(text: string): string {
  return text.replace(/\/[\w#]*#[\w#]*/g, (name) =>
    name.replace(/#([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
  );
}

function literalAfter(text: string, key: string): string | null {
  const match = new RegExp(`${key}\\s*(\\(|<(?!<))`).exec(text);
  return match === null ? null : literalAt(text, match.index + match[0].length - 1);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

/** The string that begins at `at` with `(` or `<`. ISO 32000-1 §7.3.4.2, §7.3.4.3 */
function literalAt(text: string, at: number): string | null {
  if (text[at] === '<') {
    const end = text.indexOf('>', at);
    return end < 0
      ? null
      : decoded(Buffer.from(text.slice(at + 1, end).replace(/[^0-9a-f]/gi, ''), 'hex').toString('latin1'));
  }
  const parts: string[] = [];
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    const character = text[index]!;
    if (character === '\\') {
      const octal = /^[0-7]{1,3}/.exec(text.slice(index + 1, index + 4))?.[0];
      if (octal !== undefined) {
        parts.push(String.fromCharCode(parseInt(octal, 8) & 255));
        index += octal.length;
      } else {
        const next = text[index + 1] ?? '';
        parts.push(next === '\n' || next === '\r' ? '' : (ESCAPES[next] ?? next));
        index += 1;
      }
    } else if (character === '(' && (depth += 1) === 1) {
      continue;
    } else if (character === ')' && (depth -= 1) === 0) {
      return decoded(parts.join(''));
    } else {
      parts.push(character);
    }
  }
  return null;
}

/** Text strings are UTF-16 where they say so. */
function decoded(text: string): string {
  if (!text.startsWith('\xfe\xff')) return text;
  return Buffer.from(text.slice(2, 2 + ((text.length - 2) & ~1)), 'latin1')
    .swap16()
    .toString('utf16le');
}

function information(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of ['Title', 'Author', 'Subject', 'Keywords', 'Creator', 'Producer']) {
    const value = literalAfter(text, `/${name}`);
    if (value !== null) found[name] = found[name.toLowerCase()] = value.slice(0, 65_536);
  }
  return found;
}
