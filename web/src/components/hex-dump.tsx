// Bytes as offset, hexadecimal and characters, bounded; the rest is counted.

import type { JSX } from 'preact';
import { bytes } from '../format.ts';
import { texts } from '../texts/index.ts';

const WIDTH = 16;
const MAX_LINES = 512;

export function HexDump({ data }: { data: Uint8Array }): JSX.Element {
  const lines: string[] = [];
  const shown = Math.min(data.length, MAX_LINES * WIDTH);
  for (let at = 0; at < shown; at += WIDTH) lines.push(lineOf(data.subarray(at, at + WIDTH), at));
  return (
    <>
      <pre class="head body-text" tabIndex={0} role="region" aria-label={texts.transaction.bodies.kinds.hex}>
        {lines.join('\n')}
      </pre>
      {shown < data.length && (
        <p class="muted small">{texts.transaction.bodies.rest(bytes(data.length - shown))}</p>
      )}
    </>
  );
}

function lineOf(row: Uint8Array, at: number): string {
  const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
  const halves = `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`.padEnd(3 * WIDTH);
  const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
  return `${at.toString(16).padStart(6, '0')}  ${halves}  ${text.join('')}`;
}
