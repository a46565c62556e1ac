// What a body is, by its bytes: an image that browsers show, text, or a ZIP archive with its members.

const IMAGES: readonly (readonly [type: string, magic: readonly number[], at?: number])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x57, 0x45, 0x42, 0x50], 8],
];
const LOOKED_AT = 4096;
const MAX_MEMBERS = 500;
const LOCAL_HEADER = 0x04034b50;
const HEADER_BYTES = 30;
const SIZES_FOLLOW = 8; // bit of the flags: the sizes stand behind the data

export function imageTypeOf(data: Uint8Array): string | null {
  const found = IMAGES.find(([, magic, at = 0]) => magic.every((byte, index) => data[at + index] === byte));
  return found?.[0] ?? null;
}

/** No byte that texts do not have, in the start of it. */
export function looksLikeText(data: Uint8Array): boolean {
  return data
    .subarray(0, LOOKED_AT)
    .every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13);
}

/** Decodes with the charset of the Content-Type; UTF-8 where there is none that browsers know. */
export function textOf(data: Uint8Array, type: string): string {
  const charset = /charset="?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(data);
  } catch {
    return new TextDecoder().decode(data);
  }
}

export interface ArchiveMember {
  readonly name: string;
  /** Unpacked bytes; null where the archive does not say before the data. */
  readonly size: number | null;
}

/** Members of a ZIP archive in their order, as far as the data goes (APPNOTE 4.3.7). */
export function zipMembers(data: Uint8Array): readonly ArchiveMember[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const members: ArchiveMember[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= data.length && members.length < MAX_MEMBERS) {
    if (view.getUint32(at, true) !== LOCAL_HEADER) break;
    const sizesFollow = (view.getUint16(at + 6, true) & SIZES_FOLLOW) !== 0;
    const nameLength = view.getUint16(at + 26, true);
    const start = at + HEADER_BYTES + nameLength + view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(data.subarray(at + HEADER_BYTES, at + HEADER_BYTES + nameLength));
    members.push({ name, size: sizesFollow ? null : view.getUint32(at + 22, true) });
    at = sizesFollow ? nextHeader(view, start) : start + view.getUint32(at + 18, true);
  }
  return members;
}

function nextHeader(view: DataView, from: number): number {
  for (let at = from; at + 4 <= view.byteLength; at += 1) {
    if (view.getUint32(at, true) === LOCAL_HEADER) return at;
  }
  return view.byteLength;
}
