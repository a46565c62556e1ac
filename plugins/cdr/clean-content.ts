// Disarms a whole body: a document, an archive of documents, or an upload by form. What is in it is cleaned where
// it can be and named where it cannot; what becomes of the latter, the options say.

import { firstBytes, readArchive, withContents, type ArchiveMember } from './archive-file.ts';
import { cleanDocument, type CleanOptions } from './clean.ts';
import { formParts, withParts, type FormPart } from './form-parts.ts';
import { OLE_START, oleKind } from './ole-kind.ts';
import { TooLargeError, unpackMember, ZipError } from './zip-file.ts';

/**
 * - `signed`: a document would be changed, and is signed
 * - `encrypted`, `legacy`: a document that needs a password, or is of Office 97 to 2003
 * - `unreadable`: a document that is not taken apart with certainty
 * - `closed`: a part of an archive or form that may be a document and is not looked into
 */
export type FindingKind = 'signed' | 'encrypted' | 'legacy' | 'unreadable' | 'closed';

export interface Finding {
  readonly kind: FindingKind;
  /** Names from the outside in, joined by `!/`; '' for the body itself. */
  readonly where: string;
  readonly why: string;
}

export interface ContentResult {
  /** The new body; null where nothing was taken out. */
  readonly content: Buffer | null;
  /** `kind name` of each, with the document in front where the body is none. */
  readonly removed: readonly string[];
  readonly findings: readonly Finding[];
  /** A bound on sizes was reached: larger ones may have another result. */
  readonly tooLarge: boolean;
}

const ZIP_START = Buffer.from('PK\x03\x04', 'latin1');
const MAX_DEPTH = 3; // archives within archives
const MAX_FINDINGS = 50;

/**
 * @param boundary of an upload by form; null: the body is the file itself
 */
export async function cleanContent(
  bytes: Buffer,
  boundary: string | null,
  options: CleanOptions,
): Promise<ContentResult> {
  const cleaning = new ContentCleaning(options);
  const content =
    boundary === null ? await cleaning.file(bytes, '', 0) : await cleaning.form(bytes, boundary);
  const { removed, findings, tooLarge } = cleaning;
  return { content, removed, findings, tooLarge };
}

/** True for the first bytes of what can be a document or hold one. */
export function mayHold(start: Buffer): boolean {
  return (
    start.subarray(0, ZIP_START.length).equals(ZIP_START) ||
    start.subarray(0, OLE_START.length).equals(OLE_START)
  );
}

class ContentCleaning {
  readonly removed: string[] = [];
  readonly findings: Finding[] = [];
  tooLarge = false;
  readonly #options: CleanOptions;
  #left: number; // bytes that members may still unpack to

  constructor(options: CleanOptions) {
    this.#options = options;
    this.#left = options.maxTotalBytes;
  }

  async form(body: Buffer, boundary: string): Promise<Buffer | null> {
    const parts = formParts(body, boundary);
    if (parts === null) {
      if (body.includes(ZIP_START) || body.includes(OLE_START))
        this.#find('closed', '', 'its form cannot be read');
      return null;
    }
    const changed = new Map<FormPart, Buffer>();
    for (const part of parts) {
      if (part.encoding !== null) {
        this.#find('closed', part.name, `it is encoded as ${part.encoding}`);
        continue;
      }
      const content = body.subarray(part.from, part.to);
      const cleaned = mayHold(content) ? await this.file(content, part.name, 0) : null;
      if (cleaned !== null) changed.set(part, cleaned);
    }
    return changed.size === 0 ? null : withParts(body, changed);
  }

  /** A file without its active content; null where it stays as it is. */
  async file(bytes: Buffer, where: string, depth: number): Promise<Buffer | null> {
    if (bytes.subarray(0, OLE_START.length).equals(OLE_START)) {
      const kind = await oleKind(bytes);
      if (kind === 'encrypted') this.#find(kind, where, 'it needs a password');
      if (kind === 'legacy') this.#find(kind, where, 'it is of a format that is not cleaned');
      return null;
    }
    const result = await cleanDocument(bytes, { ...this.#options, maxTotalBytes: this.#left });
    switch (result.outcome) {
      case 'cleaned':
        this.removed.push(...result.removed.map((each) => (where === '' ? each : `${where}: ${each}`)));
        return result.document;
      case 'signed':
        this.#find('signed', where, 'it has active content, and is signed');
        return null;
      case 'unreadable':
        this.tooLarge ||= result.tooLarge;
        this.#find('unreadable', where, `it cannot be taken apart: ${result.why}`);
        return null;
      case 'clean':
        return null;
      case 'none':
        return await this.#archive(bytes, where, depth);
    }
  }

  async #archive(bytes: Buffer, where: string, depth: number): Promise<Buffer | null> {
    const closed = (why: string): null => {
      this.#find('closed', where, why);
      return null;
    };
    if (depth >= MAX_DEPTH) return closed(`it is packed more than ${MAX_DEPTH} levels deep`);
    try {
      const archive = readArchive(bytes);
      const changed = new Map<ArchiveMember, Buffer>();
      for (const member of archive.members) {
        const cleaned = await this.#member(member, where, depth);
        if (cleaned !== null) changed.set(member, cleaned);
      }
      return changed.size === 0 ? null : await withContents(bytes, archive, changed);
    } catch (error) {
      if (!(error instanceof ZipError)) throw error;
      return closed(`it cannot be taken apart: ${error.message}`);
    }
  }

  async #member(member: ArchiveMember, where: string, depth: number): Promise<Buffer | null> {
    const path = where === '' ? member.name : `${where}!/${member.name}`;
    const { encrypted, method, size } = member;
    if (size === 0 && member.packed.length === 0) return null;
    if (encrypted || (method !== 0 && method !== 8)) {
      this.#find('closed', path, encrypted ? 'it needs a password' : `it is packed by method ${method}`);
      return null;
    }
    if (!mayHold(firstBytes(member))) return null;
    this.#left -= size;
    try {
      if (this.#left < 0) throw new TooLargeError('its members are too large together');
      return await this.file(await unpackMember(member, this.#options.maxPartBytes), path, depth + 1);
    } catch (error) {
      if (!(error instanceof ZipError)) throw error;
      this.tooLarge ||= error instanceof TooLargeError;
      this.#find('closed', path, error.message);
      return null;
    }
  }

  #find(kind: FindingKind, where: string, why: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ kind, where, why });
  }
}
