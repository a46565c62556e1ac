// Undoes a MIME part's Content-Transfer-Encoding as mail programs do: whatever is not of the alphabet is
// passed over, so no input is malformed. RFC 2045 §6.7, §6.8.

import type { Chunks } from './chunk-reader.ts';

/** @param encoding field value; null and unknown ones leave the bytes as they are */
export function decodeTransfer(chunks: Chunks, encoding: string | null): Chunks {
  const name = encoding?.trim().toLowerCase();
  if (name === 'base64') return base64(chunks);
  if (name === 'quoted-printable') return quotedPrintable(chunks);
  return chunks;
}

async function* base64(chunks: Chunks): AsyncGenerator<Buffer> {
  let held = '';
  for await (const chunk of chunks) {
    const text = held + chunk.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '');
    const whole = text.length & ~3;
    held = text.slice(whole);
    // Padding ends a group and not the content: joined parts are decoded on.
    for (const part of text.slice(0, whole).match(/[^=]+=*/g) ?? []) {
      const decoded = Buffer.from(part, 'base64');
      if (decoded.length > 0) yield decoded;
    }
  }
  const last = Buffer.from(held, 'base64');
  if (last.length > 0) yield last;
}

async function* quotedPrintable(chunks: Chunks): AsyncGenerator<Buffer> {
  let held = '';
  for await (const chunk of chunks) {
    const text = held + chunk.toString('latin1');
    const escape = text.slice(-3).lastIndexOf('=');
    const cut = escape < 0 ? text.length : text.length - Math.min(3, text.length) + escape;
    held = text.slice(cut);
    if (cut > 0) yield unquote(text.slice(0, cut));
  }
  if (held !== '') yield unquote(held);
}

function unquote(text: string): Buffer {
  const plain = text.replace(/=(?:([0-9a-f]{2})|[ \t]*\r?\n)/gi, (_, hex: string | undefined) =>
    hex === undefined ? '' : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(plain, 'latin1');
}
