// The same signatures for both engines: literal bytes that occur in no body of the bench.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { numbers } from './bodies.ts';

const SIGNATURE_BYTES = 24;

/** Literal signatures, in hexadecimal. */
export function signatures(count: number): string[] {
  const next = numbers(77);
  return Array.from({ length: count }, () => {
    const bytes = Buffer.alloc(SIGNATURE_BYTES);
    for (let at = 0; at < SIGNATURE_BYTES; at += 1) bytes[at] = next() & 0xff;
    return bytes.toString('hex');
  });
}

/** Writes them as a folder of YARA rules. */
export function writeYara(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const rules = signatures(count).map((hex, index) => {
    const bytes = hex.replace(/../g, '$& ');
    return `rule Bench_${index} { strings: $bytes = { ${bytes}} condition: $bytes }\n`;
  });
  writeFileSync(join(folder, 'bench.yar'), rules.join(''));
}

/** Writes them as a ClamAV database: any type of file, at any offset. */
export function writeClamav(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const lines = signatures(count).map((hex, index) => `Bench.${index}:0:*:${hex}\n`);
  writeFileSync(join(folder, 'bench.ndb'), lines.join(''));
}
