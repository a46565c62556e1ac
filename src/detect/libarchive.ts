// libarchive compiled to WebAssembly, with its memory bounded: the one place that knows its pointers. It
// reads an archive from memory only, so callers bound the size before. A call may run for seconds on
// hostile input (solid 7z): use it in a worker thread that can be ended.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { LibarchiveWasm } from 'libarchive-wasm';
import { messageOf, WeirError } from '../errors.ts';

/** Largest archive that is read into memory. */
export const MAX_ARCHIVE_BYTES = 128 * 2 ** 20;
/** All that an archive, its dictionary and tables may take. A 7z dictionary alone may ask for 4 GiB. */
const MAX_MEMORY_PAGES = (512 * 2 ** 20) / 65_536;
/** WebAssembly memory never shrinks: an instance that grew past this is not kept. */
const KEEP_BYTES = 64 * 2 ** 20;
const READ_BYTES = 64 * 1024;
const FOLDER = 0o040000; // AE_IFDIR

export interface ArchiveEntry {
  readonly name: string;
  readonly encrypted: boolean;
  readonly folder: boolean;
}

/** An open archive. After a `broken` error only `close` may be called. */
export class Archive {
  readonly #library: LibarchiveWasm;
  readonly #data: number;
  readonly #buffer: number;
  #handle: number;
  /** What the buffer holds before a read: tells how far the library wrote when it reports an error. */
  readonly #fill = randomBytes(READ_BYTES);

  private constructor(library: LibarchiveWasm, data: number, buffer: number, handle: number) {
    this.#library = library;
    this.#data = data;
    this.#buffer = buffer;
    this.#handle = handle;
  }

  /**
   * @param bytes the whole archive; copied
   * @throws {WeirError} `ERR_UNPACK_MALFORMED` with libarchive's words: no known format, too little memory
   */
  static async open(bytes: Buffer): Promise<Archive> {
    const library = await load();
    return guarded(() => {
      const { module } = library as { module: Heap };
      const data = module._malloc(bytes.length || 1);
      const buffer = data === 0 ? 0 : module._malloc(READ_BYTES);
      if (buffer === 0) {
        module._free(data);
        throw new WeirError('ERR_UNPACK_BUDGET', 'no memory left for the archive');
      }
      module.HEAP8.set(bytes, data);
      const archive = new Archive(library, data, buffer, library.read_new());
      try {
        library.read_support_filter_all(archive.#handle);
        library.read_support_format_all(archive.#handle);
        library.read_open_memory(archive.#handle, data, bytes.length);
        return archive;
      } catch (error) {
        archive.close();
        throw error;
      }
    });
  }

  /**
   * The next entry, or null at the end; passes over what was left unread. Not every error is reported by
   * libarchive as one: look at `error` and `encrypted` at the end.
   * @throws {WeirError} `ERR_UNPACK_MALFORMED` when the library broke down
   */
  next(): ArchiveEntry | null {
    return guarded(() => {
      const entry = this.#library.read_next_entry(this.#handle);
      if (entry === 0) return null;
      return {
        name: this.#library.entry_pathname(entry) || '',
        encrypted: this.#library.entry_is_encrypted(entry) === 1,
        folder: this.#library.entry_filetype(entry) === FOLDER,
      };
    });
  }

  /**
   * The next bytes of the entry, empty at its end. With `error` set they are the last ones, found before
   * damage.
   * @throws {WeirError} `ERR_UNPACK_MALFORMED` when the library broke down
   */
  read(): { readonly bytes: Buffer; readonly error: string | null } {
    return guarded(() => {
      const heap = (): Heap['HEAP8'] => (this.#library.module as Heap).HEAP8;
      heap().set(this.#fill, this.#buffer);
      try {
        const length = this.#library.read_data(this.#handle, this.#buffer, READ_BYTES);
        return { bytes: Buffer.from(heap().slice(this.#buffer, this.#buffer + length)), error: null };
      } catch (error) {
        if (isBreakdown(error)) throw error;
        const bytes = Buffer.from(heap().slice(this.#buffer, this.#buffer + READ_BYTES));
        let length = READ_BYTES;
        while (length > 0 && bytes[length - 1] === this.#fill[length - 1]) length -= 1;
        return { bytes: bytes.subarray(0, length), error: messageOf(error) || 'damaged data' };
      }
    });
  }

  /** What libarchive said last, `''` when nothing. */
  get error(): string {
    return guarded(() => this.#library.error_string(this.#handle) || '');
  }

  /** True when headers or entries need a password: headers that do leave no entries and no error. */
  get encrypted(): boolean {
    return guarded(() => this.#library.read_has_encrypted_entries(this.#handle) === 1);
  }

  close(): void {
    if (this.#handle === 0) return;
    const module = this.#library.module as Heap;
    try {
      this.#library.read_free(this.#handle);
      module._free(this.#buffer);
      module._free(this.#data);
    } catch {
      instance = null; // a broken instance is left to the garbage collector
    }
    this.#handle = 0;
    if (module.HEAP8.length > KEEP_BYTES) instance = null;
  }
}

interface Heap {
  HEAP8: Int8Array;
  _malloc(length: number): number;
  _free(pointer: number): void;
}

let instance: Promise<LibarchiveWasm> | null = null;
let wasmBinary: Buffer | null = null;

function load(): Promise<LibarchiveWasm> {
  instance ??= start();
  return instance;
}

async function start(): Promise<LibarchiveWasm> {
  // CommonJS that looks for its .wasm beside itself; the binary is given so that its memory is bounded.
  const require = createRequire(import.meta.url);
  const { libarchiveWasm } = require('libarchive-wasm') as typeof import('libarchive-wasm');
  const folder = path.dirname(require.resolve('libarchive-wasm'));
  wasmBinary ??= limitMemory(readFileSync(path.join(folder, 'libarchive.wasm')), MAX_MEMORY_PAGES);
  return libarchiveWasm({ wasmBinary });
}

/** Runs library code; a trap within it leaves the instance unusable, for all archives open in it. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WeirError) throw error;
    if (isBreakdown(error)) instance = null;
    throw new WeirError('ERR_UNPACK_MALFORMED', messageOf(error) || 'no known archive format', {}, error);
  }
}

/** A trap, or an abort of the library: by name, since realms differ. */
function isBreakdown(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'RuntimeError';
}

const MEMORY_SECTION = 5;
const SECTIONS_START = 8; // after magic and version

/**
 * The module with a lower maximum for its memory. WebAssembly Core 1.0 §5.5.8: a section is an id, a length
 * and, here, one memory of flag 1, minimum and maximum in pages of 64 KiB.
 */
function limitMemory(wasm: Buffer, maxPages: number): Buffer {
  for (let at = SECTIONS_START; at < wasm.length;) {
    const id = wasm[at]!;
    const length = readLeb(wasm, at + 1);
    if (id === MEMORY_SECTION) {
      const minimum = readLeb(wasm, length.end + 2);
      if (wasm[length.end + 1] !== 1) break;
      const { end } = readLeb(wasm, minimum.end);
      const limited = Buffer.from(wasm);
      for (let byte = minimum.end, rest = maxPages; byte < end; byte += 1, rest >>>= 7) {
        limited[byte] = (rest & 0x7f) | (byte + 1 < end ? 0x80 : 0); // padded to the same width
      }
      return limited;
    }
    at = length.end + length.value;
  }
  throw new WeirError('ERR_UNPACK_MALFORMED', 'libarchive has no memory section that can be bounded');
}

function readLeb(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: at };
  }
}
