// Splits the body of an upload by form (multipart/form-data, RFC 7578) into its parts, and puts other content into
// some of them; all other bytes stay as they are. Strict: what is not read with certainty is not changed.

const MAX_PARTS = 1000;
const MAX_HEAD = 16 * 1024; // bytes

/** Places of a part's content in the body. */
export interface FormPart {
  /** File name, else the field's, else its number. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Content-Transfer-Encoding that is not the identity; null: none, as it has to be. */
  readonly encoding: string | null;
}

/** The parts in order; null where the body is no form with that boundary, or not whole. */
export function formParts(body: Buffer, boundary: string): FormPart[] | null {
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  const inner = Buffer.from(`\r\n--${boundary}`, 'latin1');
  if (boundary === '' || !body.subarray(0, delimiter.length).equals(delimiter)) return null;
  const parts: FormPart[] = [];
  let at = delimiter.length;
  while (parts.length < MAX_PARTS) {
    const follows = body.toString('latin1', at, at + 2);
    if (follows === '--') return parts;
    const headEnd = body.indexOf('\r\n\r\n', at, 'latin1');
    if (follows !== '\r\n' || headEnd < 0 || headEnd - at > MAX_HEAD) return null;
    const head = body.toString('latin1', at + 2, headEnd);
    const from = headEnd + 4;
    const to = body.indexOf(inner, headEnd + 2); // an empty part: its end begins with the end of its head
    if (to < 0) return null;
    const encoding = /^content-transfer-encoding:[ \t]*(\S+)/im.exec(head)?.[1] ?? null;
    const isPlain = encoding === null || /^(?:7bit|8bit|binary)$/i.test(encoding);
    const name = nameOf(head) ?? `part ${parts.length + 1}`;
    parts.push({ name, from: Math.min(from, to), to, encoding: isPlain ? null : encoding });
    at = to + inner.length;
  }
  return null;
}

/** The body with other content in these parts. A Content-Length within a part's head is brought up to date. */
export function withParts(body: Buffer, contents: ReadonlyMap<FormPart, Buffer>): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const [part, content] of contents) {
    const before = body.toString('latin1', from, part.from);
    const head = before.lastIndexOf('\r\n--');
    const length = /^(content-length:[ \t]*)\d+/im;
    const fitted =
      before.slice(0, Math.max(0, head)) +
      before.slice(Math.max(0, head)).replace(length, `$1${content.length}`);
    pieces.push(Buffer.from(fitted, 'latin1'), content);
    from = part.to;
  }
  return Buffer.concat([...pieces, body.subarray(from)]);
}

function nameOf(head: string): string | null {
  const field = /^content-disposition:(.*)/im.exec(head)?.[1] ?? '';
  const file = /;\s*filename="([^"]*)"/i.exec(field)?.[1];
  const name = file ?? /;\s*name="([^"]*)"/i.exec(field)?.[1];
  return name === undefined ? null : Buffer.from(name, 'latin1').toString('utf8');
}
