// The YAML of a configuration file: text to plain data, and back from a path in the data to line and
// column in the text. Bounded in size, depth and aliases; what the data means is the schema's.

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  visit,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { messageOf } from '../errors.ts';
import { ConfigProblemsError, pathText, shown, type ConfigPath, type ConfigProblem } from './problems.ts';

/** A place in the text, both from 1, and the path as far as it is written there. */
export interface Place {
  line: number;
  column: number;
  path: string;
}

export interface ConfigDocument {
  /** Maps as plain objects, keys as text; null for an empty file. */
  value: unknown;
  /**
   * Where the value at a path stands, or its key. A path that goes on where the text does not (a
   * missing key, a short form) leads to the last thing that is there.
   */
  placeOf(path: ConfigPath, atKey: boolean): Place;
}

/** Aliases may multiply the file's nodes by this much; "billion laughs" documents go far beyond. */
const MAX_ALIASES = 100;
/** Open maps, lists and their items at one place; the schema needs a dozen. */
const MAX_DEPTH = 100;
const MAX_SYNTAX_PROBLEMS = 10; // what follows the first ones is mostly caused by them

/**
 * Parses the text of a configuration file (YAML 1.2, one document).
 * @param file path for messages
 * @throws {ConfigProblemsError} `ERR_CONFIG_SYNTAX`: bad YAML, a key twice, an unknown tag, nesting too
 *         deep, aliases that multiply beyond measure
 */
export function parseConfigText(text: string, file: string): ConfigDocument {
  const lines = new LineCounter();
  const fail = (problems: Pick<ConfigProblem, 'line' | 'column' | 'message'>[], cause?: unknown) =>
    new ConfigProblemsError(
      problems.map((problem) => ({
        code: 'ERR_CONFIG_SYNTAX',
        path: '',
        found: '',
        allowed: 'YAML 1.2',
        suggestion: null,
        ...problem,
      })),
      file,
      cause,
    );
  try {
    refuseDeepNesting(text);
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false, // takes time in the square of the keys; badKeys looks for them instead
    });
    const faults = [...document.errors, ...document.warnings, ...badKeys(document)];
    if (faults.length > 0) {
      throw fail(
        faults.slice(0, MAX_SYNTAX_PROBLEMS).map((fault) => {
          const { line, col } = lines.linePos(fault.pos[0]);
          return { line, column: col, message: firstLine(fault.message) };
        }),
      );
    }
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (containsItself(value)) throw new RangeError('an alias stands within what it stands for');
    return { value, placeOf: (path, atKey) => placeOf(document, lines, path, atKey) };
  } catch (error) {
    if (error instanceof ConfigProblemsError) throw error;
    // Nested too deep, too many aliases, or one that contains itself.
    throw fail([{ line: null, column: null, message: firstLine(messageOf(error)) }], error);
  }
}

/**
 * Composing a document is recursive, and a stack that is almost used up ends the whole process when V8
 * compiles a regular expression there. The parser below it keeps a list instead, whose length tells.
 */
function refuseDeepNesting(text: string): void {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme)) void _; // complete documents; parseDocument makes them again
    if (parser.stack.length > MAX_DEPTH) {
      throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`);
    }
  }
}

/** Keys that stand twice in one map, and the one key that JavaScript objects cannot have safely. */
function badKeys(document: Document): { pos: [number, number]; message: string }[] {
  const faults: { pos: [number, number]; message: string }[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const pair of map.items) {
        const key = keyOf(pair);
        const at = startOf(pair.key) ?? 0;
        if (seen.has(key)) faults.push({ pos: [at, at], message: `the key ${shown(key)} stands here twice` });
        if (key === '__proto__') faults.push({ pos: [at, at], message: 'the key __proto__ is not allowed' });
        seen.add(key);
      }
    },
  });
  return faults;
}

/** True when following the data never ends; each map and list is entered once, however often it is used. */
function containsItself(value: unknown, above = new Set<unknown>(), done = new Set<unknown>()): boolean {
  if (typeof value !== 'object' || value === null || done.has(value)) return false;
  if (above.has(value)) return true;
  above.add(value);
  const found = Object.values(value).some((item) => containsItself(item, above, done));
  above.delete(value);
  done.add(value);
  return found;
}

function placeOf(document: Document, lines: LineCounter, path: ConfigPath, atKey: boolean): Place {
  const written: (string | number)[] = [];
  let offset = document.contents?.range?.[0] ?? 0;
  let node: unknown = document.contents;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const last = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => keyOf(item) === String(part));
      if (pair !== undefined) {
        const key = startOf(pair.key) ?? offset;
        offset = last && atKey ? key : (startOf(pair.value) ?? key);
        node = pair.value;
      } else if (typeof part === 'number') {
        continue; // a single item where a list is allowed as well
      } else {
        written.push(...path.slice(depth)); // a missing key
        break;
      }
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else if (node === null || (isScalar(node) && node.value === null)) {
      written.push(...path.slice(depth)); // a key missing from an empty section
      break;
    } else {
      break; // the short form of a section, or the wrong kind of thing altogether
    }
    written.push(part);
  }
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1), path: pathText(written) };
}

/** Where a node begins; null for one without text, such as the value in `preview:`. */
function startOf(node: unknown): number | null {
  const { range } = (node ?? {}) as Partial<Node>;
  return !range || range[0] === range[1] ? null : range[0];
}

function keyOf(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}
