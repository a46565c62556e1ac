// Reads a zip without its central directory: local headers one after the other, as repairing extractors
// do. For truncated downloads, and for archives damaged on purpose so that only a lenient program opens
// them. APPNOTE 6.3.9 §4.3.7, §4.3.9.

import type { ByteSource } from './byte-source.ts';
import { ChunkReader } from './chunk-reader.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';
import { DEFLATED, expand, inflateMember, isReadable, memberName } from './zip-member.ts';

const LOCAL_HEADER = 0x04034b50;
const HEADER_BYTES = 30;
const ENCRYPTED = 1;
const SIZES_FOLLOW = 8; // sizes stand in a descriptor behind the data
const MAX_DESCRIPTOR = 24; // bytes, with signature and 64-bit sizes

/** Yields what local headers lead to; gives up silently where they end (the damage is noted already). */
export async function* salvageZip(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  const input = new ChunkReader(source.chunks());
  try {
    for (;;) {
      const header = await input.read(HEADER_BYTES);
      if (header.length < HEADER_BYTES || header.readUInt32LE(0) !== LOCAL_HEADER) return;
      const flags = header.readUInt16LE(6);
      const method = header.readUInt16LE(8);
      const size = header.readUInt32LE(18);
      const path = memberPath(at, memberName(await input.read(header.readUInt16LE(26)), flags));
      await input.skip(header.readUInt16LE(28));
      if (!ledger.admitMember(path)) return;

      const readable = (flags & ENCRYPTED) === 0 && isReadable(method);
      if (flags & ENCRYPTED) ledger.note('encrypted', path, 'zip member is encrypted');
      else if (!readable) ledger.note('unsupported', path, `zip compression method ${method}`);

      if ((flags & SIZES_FOLLOW) === 0) {
        const data = input.section(size);
        if (readable) yield { path, chunks: expand(data.chunks(), method, ledger, path) };
        if ((await data.finish()) > 0) return ledger.note('malformed', path, 'zip ends within a member');
      } else if (readable && method === DEFLATED) {
        const inflated = inflateMember(input, ledger.meter(path), ledger, path);
        yield { path, chunks: inflated };
        for (let step = await inflated.next(); !step.done;) step = await inflated.next();
        await skipDescriptor(input);
      } else {
        return ledger.note('malformed', at, 'zip member of unknown size');
      }
    }
  } finally {
    await input.cancel();
  }
}

/** The descriptor has four shapes (signature or not, 32 or 64 bit): look where the next header begins. */
async function skipDescriptor(input: ChunkReader): Promise<void> {
  const bytes = await input.peek(MAX_DESCRIPTOR + 4);
  for (const length of [16, 12, 24, 20]) {
    if (bytes.length >= length + 4 && bytes.readUInt32LE(length) === LOCAL_HEADER) {
      await input.skip(length);
      return;
    }
  }
}
