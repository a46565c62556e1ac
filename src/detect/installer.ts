// Windows Installer packages (MSI) within what OLE files hold: names of streams, which are packed two letters to
// a character, and the scripts of custom actions, which stand in tables of strings. Cabinets and programs are
// streams like others. The tables' layout is not published; it is as msitools and Wine read it.

import { WeirError } from '../errors.ts';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._';
const PAIRS = 0x3800;
const SINGLES = 0x4800;
const TABLE = 0x4840; // in front of the name of a table
const WIDE_REFERENCES = 0x8000_0000; // in the head of the pool: three bytes a reference
const SIGN = 0x8000; // numbers are stored with it turned over

/** Kinds of custom actions: what runs, and where it stands. [Custom Action Types] */
const RUNS = 0x07;
const FROM = 0x30;
const ENDINGS: Readonly<Record<number, string>> = { 5: 'js', 6: 'vbs' };
const FROM_STREAM = 0x00;
const FROM_TEXT = 0x20;
const FROM_PROPERTY = 0x30;

/** A script in the tables. */
export interface InstallerScript {
  /** e.g. `CustomAction.Setup.vbs` */
  readonly name: string;
  readonly text: Buffer;
}

export interface Installer {
  readonly scripts: readonly InstallerScript[];
  /** Endings of streams that are scripts, by their name: `Binary.Setup` -> `vbs`. */
  readonly endings: ReadonlyMap<string, string>;
}

/** The name of a stream as people know it, e.g. `Binary.Setup`; `!` is in front of tables. */
export function streamName(packed: string): string {
  let name = '';
  for (const character of packed) {
    const code = character.codePointAt(0)!;
    if (code === TABLE) name += '!';
    else if (code >= PAIRS && code < SINGLES) {
      name += LETTERS[(code - PAIRS) & 0x3f]! + LETTERS[(code - PAIRS) >> 6]!;
    } else if (code >= SINGLES && code < TABLE) name += LETTERS[code - SINGLES]!;
    else name += character;
  }
  return name;
}

/**
 * The scripts of a package.
 * @param stream content by name, as `streamName` has it; null: there is none
 * @returns null where it is no installer package
 * @throws {WeirError} `ERR_UNPACK_MALFORMED`: its tables cannot be read
 */
export function readInstaller(stream: (name: string) => Buffer | null): Installer | null {
  const pool = stream('!_StringPool');
  const data = stream('!_StringData');
  if (pool === null || data === null) return null;
  const width = pool.length >= 4 && (pool.readUInt32LE(0) & WIDE_REFERENCES) !== 0 ? 3 : 2;
  const tables = new Tables(stringsOf(pool, data), width, stream);
  const columns = tables.columnsOf('CustomAction');
  const properties = new Map(
    tables.rows('Property', ['text', 'text']).map(([name, value]) => [String(name), value as Buffer]),
  );
  const scripts: InstallerScript[] = [];
  const endings = new Map<string, string>();
  const layout = ['text', 'number', 'text', 'text', ...(columns > 4 ? (['long'] as const) : [])] as const;
  for (const [action, kind, source, target] of tables.rows('CustomAction', layout)) {
    const ending = ENDINGS[(kind as number) & RUNS];
    if (ending === undefined) continue;
    const from = (kind as number) & FROM;
    if (from === FROM_STREAM) endings.set(`Binary.${String(source)}`, ending);
    const text = from === FROM_TEXT ? target : from === FROM_PROPERTY ? properties.get(String(source)) : null;
    if (text != null)
      scripts.push({ name: `CustomAction.${String(action)}.${ending}`, text: text as Buffer });
  }
  return { scripts, endings };
}

type Column = 'text' | 'number' | 'long';

class Tables {
  readonly #strings: readonly Buffer[];
  readonly #width: number;
  readonly #stream: (name: string) => Buffer | null;

  constructor(strings: readonly Buffer[], width: number, stream: (name: string) => Buffer | null) {
    this.#strings = strings;
    this.#width = width;
    this.#stream = stream;
  }

  /** How many columns a table has. */
  columnsOf(table: string): number {
    const columns = this.rows('_Columns', ['text', 'number', 'text', 'number']);
    return columns.filter(([name]) => String(name) === table).length;
  }

  /** Rows of a table, which is stored column by column; none where there is no such table. */
  rows(table: string, columns: readonly Column[]): (Buffer | number)[][] {
    const bytes = this.#stream(`!${table}`);
    if (bytes === null) return [];
    const widths = columns.map((column) => (column === 'text' ? this.#width : column === 'long' ? 4 : 2));
    const size = widths.reduce((sum, each) => sum + each, 0);
    const count = bytes.length / size;
    if (!Number.isInteger(count)) throw malformed(`table ${table} has parts of rows`);
    const rows: (Buffer | number)[][] = Array.from({ length: count }, () => []);
    let at = 0;
    for (const [index, column] of columns.entries()) {
      for (const row of rows) {
        const value = bytes.readUIntLE(at, widths[index]!);
        row.push(column === 'text' ? this.#text(value, table) : column === 'number' ? value ^ SIGN : value);
        at += widths[index]!;
      }
    }
    return rows;
  }

  #text(reference: number, table: string): Buffer {
    const text = this.#strings[reference];
    if (text === undefined) throw malformed(`table ${table} names a string that is not there`);
    return text;
  }
}

/** All strings by their number; 0 is the empty one. */
function stringsOf(pool: Buffer, data: Buffer): Buffer[] {
  const strings: Buffer[] = [Buffer.alloc(0)];
  let from = 0;
  for (let at = 4; at + 4 <= pool.length; at += 4) {
    let length = pool.readUInt16LE(at);
    // One that is longer than 64 KiB has an entry with its length behind an empty one that is in use.
    if (length === 0 && pool.readUInt16LE(at + 2) !== 0 && at + 8 <= pool.length) {
      at += 4;
      length = pool.readUInt32LE(at);
    }
    if (from + length > data.length) throw malformed('its strings are cut off');
    strings.push(data.subarray(from, from + length));
    from += length;
  }
  return strings;
}

function malformed(what: string): WeirError {
  return new WeirError('ERR_UNPACK_MALFORMED', `installer package: ${what}`);
}
