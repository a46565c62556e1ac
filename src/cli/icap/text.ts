// Words on a terminal that others wrote: peer bytes made harmless, numbers with units, colours where they
// are seen.

import type { OutputStream } from '../terminal.ts';

/** Control characters escaped: what a server sends must not steer a terminal. Length unbounded. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u00a0]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** `1 byte`, `12345 bytes`. */
export function bytesText(count: number): string {
  return `${count} ${count === 1 ? 'byte' : 'bytes'}`;
}

/** `812 B`, `2.5 KiB`, `1.2 MiB`: rounded, for people. */
export function sizeText(count: number): string {
  if (count < 1024) return `${count} B`;
  const [amount, unit] = count < 1024 ** 2 ? [count / 1024, 'KiB'] : [count / 1024 ** 2, 'MiB'];
  return `${Number(amount.toFixed(1))} ${unit}`;
}

/** `0.8 ms`, `12 ms`, `3.2 s`. */
export function timeText(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : String(Math.round(ms))} ms`;
}

const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;
export type Paint = (colour: keyof typeof COLOURS, text: string) => string;

/** Colours on a terminal, plain text anywhere else. */
export function painter(stream: OutputStream): Paint {
  if (stream.isTTY !== true || (process.env.NO_COLOR ?? '') !== '') return (_colour, text) => text;
  return (colour, text) => `\u001b[${COLOURS[colour]}m${text}\u001b[39m`;
}

/** Lines of label and text in two columns, indented by two. */
export function columns(rows: readonly (readonly [label: string, text: string])[]): string[] {
  const width = Math.max(0, ...rows.map(([label]) => Math.min(label.length, 24)));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`.trimEnd());
}
