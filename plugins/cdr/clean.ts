// Takes the active content out of an Office document (OOXML): parts, relationships, what points at them, and
// programs in fields. What stays keeps its bytes. Imports nothing but its neighbours: it also runs in a
// thread of its own (clean-worker.ts).

import {
  isHarmlessLink,
  isSignature,
  isWorkbookLink,
  kindOfContentType,
  kindOfPart,
  kindOfRelationship,
  type Kind,
} from './kinds.ts';
import {
  CONTENT_TYPES,
  formatRelationships,
  partName,
  readContentTypes,
  readRelationships,
  sourceOf,
  typeOfPart,
  type ContentTypes,
  type Relationship,
} from './package-parts.ts';
import { withoutPrograms, withoutReferences } from './references.ts';
import { withoutSheetNames } from './workbook.ts';
import { changeTags, xmlText } from './xml.ts';
import {
  packMember,
  readZip,
  TooLargeError,
  unpackMember,
  writeZip,
  ZipError,
  type ZipMember,
} from './zip-file.ts';

export interface CleanOptions {
  readonly remove: readonly Kind[];
  /** Signatures go too; without that a signed document is not changed. */
  readonly stripSignature: boolean;
  /** Largest part that is read, unpacked, in bytes, and all of them. */
  readonly maxPartBytes: number;
  readonly maxTotalBytes: number;
}

/**
 * - `none`: no Office document
 * - `clean`: nothing to take out
 * - `signed`: there is, and it is signed
 * - `cleaned`: `removed` says what went, as `kind name`
 * - `unreadable`: not taken apart with certainty
 */
export type CleanResult =
  | { readonly outcome: 'none' | 'clean' | 'signed' }
  | { readonly outcome: 'cleaned'; readonly document: Buffer; readonly removed: readonly string[] }
  | { readonly outcome: 'unreadable'; readonly why: string; readonly tooLarge: boolean };

const MARKER = Buffer.from('[Content_Types].xml');
const PROGRAMS = [
  Buffer.from('instrText'),
  Buffer.from('fldSimple'),
  Buffer.from('ddeLink'),
  Buffer.from('ppaction'),
];

/** @param bytes a file that begins as ZIP files do */
export async function cleanDocument(bytes: Buffer, options: CleanOptions): Promise<CleanResult> {
  try {
    const members = readZip(bytes);
    if (!members.some(({ name }) => partName(name) === CONTENT_TYPES)) return { outcome: 'none' };
    return await new Cleaning(members, options).run();
  } catch (error) {
    if (!bytes.includes(MARKER)) return { outcome: 'none' };
    const { message } = error as Error;
    return { outcome: 'unreadable', why: message, tooLarge: error instanceof TooLargeError };
  }
}

class Cleaning {
  readonly #members: readonly ZipMember[];
  readonly #options: CleanOptions;
  readonly #byPart: ReadonlyMap<string, ZipMember>;
  /** Parts that go, by name. */
  readonly #gone = new Map<string, Kind | 'signature'>();
  /** Ids that go, by the part that has them. */
  readonly #goneIds = new Map<string, Set<string>>();
  readonly #removed: string[] = [];
  #unpacked = 0;

  constructor(members: readonly ZipMember[], options: CleanOptions) {
    this.#members = members;
    this.#options = options;
    this.#byPart = new Map(members.map((member) => [partName(member.name), member]));
  }

  async run(): Promise<CleanResult> {
    const contentTypes = await this.#text(CONTENT_TYPES);
    const types = readContentTypes(contentTypes);
    const relationships = new Map<string, Relationship[]>(); // by relationships part
    for (const part of this.#byPart.keys()) {
      const source = sourceOf(part);
      if (source !== null) relationships.set(part, readRelationships(await this.#text(part), source));
    }
    const isSigned = [...relationships.values()].flat().some(({ type }) => isSignature(type));

    for (const part of this.#byPart.keys())
      this.#judge(part, kindOfPart(part) ?? kindOfContentType(typeOfPart(part, types)));
    for (const list of relationships.values()) {
      for (const { type, part } of list) if (part !== null) this.#judge(part, kindOfRelationship(type));
    }
    this.#dropOrphans(relationships);
    const kept = this.#keptRelationships(relationships);
    const edited = await this.#editParts(types);
    if (this.#removed.length === 0) return { outcome: 'clean' };
    if (isSigned && !this.#options.stripSignature) return { outcome: 'signed' };
    return await this.#write(contentTypes, kept, edited);
  }

  #judge(part: string, kind: Kind | null): void {
    if (
      kind === null ||
      !this.#options.remove.includes(kind) ||
      this.#gone.has(part) ||
      !this.#byPart.has(part)
    )
      return;
    this.#gone.set(part, kind);
    this.#removed.push(`${kind} ${part}`);
  }

  /** What parts that go were the only ones to point at goes with them. */
  #dropOrphans(relationships: ReadonlyMap<string, readonly Relationship[]>): void {
    for (let before = -1; before !== this.#gone.size;) {
      before = this.#gone.size;
      const isGone = (file: string): boolean => this.#gone.has(sourceOf(file)!);
      const needed = new Set(
        [...relationships]
          .filter(([file]) => !isGone(file))
          .flatMap(([, list]) => list.map(({ part }) => part)),
      );
      for (const [file, list] of relationships) {
        if (!isGone(file)) continue;
        const kind = this.#gone.get(sourceOf(file)!)!;
        this.#gone.set(file, kind);
        for (const { part } of list) {
          if (part !== null && !needed.has(part) && this.#byPart.has(part)) this.#gone.set(part, kind);
        }
      }
    }
  }

  /** Relationships that change, by their part: new text. */
  #keptRelationships(relationships: ReadonlyMap<string, readonly Relationship[]>): Map<string, string> {
    const texts = new Map<string, string>();
    for (const [file, list] of relationships) {
      if (this.#gone.has(file)) continue;
      const source = sourceOf(file)!;
      const kept: Relationship[] = [];
      let changed = false;
      for (const relationship of list) {
        const next = this.#keep(relationship, source);
        if (next !== relationship) changed = true;
        if (next !== null) kept.push(next);
      }
      if (changed) texts.set(file, formatRelationships(kept));
    }
    return texts;
  }

  #keep(relationship: Relationship, source: string): Relationship | null {
    const { id, type, target, external, part } = relationship;
    const drop = (what: string | null): null => {
      if (what !== null) this.#removed.push(what);
      const ids = this.#goneIds.get(source) ?? new Set<string>();
      this.#goneIds.set(source, ids.add(id));
      return null;
    };
    if (part !== null && this.#gone.has(part)) return drop(null);
    const kind = kindOfRelationship(type);
    if (external && kind !== null && this.#options.remove.includes(kind)) return drop(`${kind} ${target}`);
    if (!external || !this.#options.remove.includes('external') || isHarmlessLink(type, target))
      return relationship;
    if (!isWorkbookLink(type)) return drop(`external ${target}`);
    if (target === 'removed.xlsx') return relationship;
    this.#removed.push(`external ${target}`);
    return { ...relationship, target: 'removed.xlsx' };
  }

  /** Texts of parts that change. */
  async #editParts(types: ContentTypes): Promise<Map<string, string>> {
    const edited = new Map<string, string>();
    for (const [part, member] of this.#byPart) {
      if (this.#gone.has(part) || sourceOf(part) !== null || part === CONTENT_TYPES) continue;
      const ids = this.#goneIds.get(part);
      const type = typeOfPart(part, types);
      const isXml = /\.(?:xml|vml)$/.test(part) || /xml$/i.test(type);
      if (!isXml) {
        const onlyMacros = [...this.#gone.values()].every((kind) => kind === 'macros');
        if (ids !== undefined && !(onlyMacros && part.endsWith('.bin')))
          throw new ZipError(`${part} cannot be changed`);
        continue;
      }
      const isSearched =
        this.#options.remove.includes('fields') && !/\.(?:worksheet|sharedStrings)\+xml$/.test(type);
      if (ids === undefined && !isSearched) continue;
      const content = await this.#bytes(member);
      const isWide = content[0] === 0xff || content[0] === 0xfe || content.subarray(0, 4).includes(0);
      if (ids === undefined && !isWide && !PROGRAMS.some((word) => content.includes(word))) continue;
      const before = xmlText(content);
      let after = ids === undefined ? before : withoutReferences(withoutSheetNames(before, ids), ids);
      if (isSearched) {
        const disarmed = withoutPrograms(after);
        if (disarmed !== after) this.#removed.push(`fields ${part}`);
        after = disarmed;
      }
      if (after !== before) edited.set(part, after);
    }
    return edited;
  }

  async #write(
    contentTypes: string,
    kept: Map<string, string>,
    edited: Map<string, string>,
  ): Promise<CleanResult> {
    if (this.#options.stripSignature) await this.#dropSignature(kept);
    const types = changeTags(contentTypes, ({ name, attributes }) => {
      if (name === 'Override')
        return this.#gone.has(partName(attributes.get('PartName') ?? '')) ? 'remove' : null;
      if (name !== 'Default') return null;
      const kind = kindOfContentType(attributes.get('ContentType') ?? '');
      return kind !== null && this.#options.remove.includes(kind) ? 'remove' : null;
    });
    const texts = new Map([...kept, ...edited, [CONTENT_TYPES, types]]);
    const members: ZipMember[] = [];
    for (const member of this.#members) {
      const part = partName(member.name);
      if (this.#gone.has(part)) continue;
      const text = texts.get(part);
      members.push(text === undefined ? member : await packMember(member.name, Buffer.from(text)));
    }
    return { outcome: 'cleaned', document: writeZip(members), removed: this.#removed };
  }

  async #dropSignature(kept: Map<string, string>): Promise<void> {
    for (const part of this.#byPart.keys())
      if (part.startsWith('_xmlsignatures/')) this.#gone.set(part, 'signature');
    const root = kept.get('_rels/.rels') ?? (await this.#text('_rels/.rels'));
    const without = changeTags(root, ({ name, attributes }) =>
      name === 'Relationship' && isSignature(attributes.get('Type') ?? '') ? 'remove' : null,
    );
    kept.set('_rels/.rels', without);
  }

  async #text(part: string): Promise<string> {
    const member = this.#byPart.get(part);
    if (member === undefined) throw new ZipError(`${part} is missing`);
    return xmlText(await this.#bytes(member));
  }

  async #bytes(member: ZipMember): Promise<Buffer> {
    this.#unpacked += member.size;
    if (this.#unpacked > this.#options.maxTotalBytes)
      throw new TooLargeError('its parts are too large together');
    return await unpackMember(member, this.#options.maxPartBytes);
  }
}
