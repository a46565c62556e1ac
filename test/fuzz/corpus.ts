// What the fuzzers damage: all messages of the protocol vectors, whole dialogues and pieces of messages.

import { readdir } from 'node:fs/promises';
import { readVectors, type Vector } from '../support/vectors.ts';

const FOLDER = new URL('../vectors/icap/', import.meta.url);

async function pages(): Promise<Vector[]> {
  const names: string[] = [];
  for (const folder of ['', 'clients/']) {
    for (const name of await readdir(new URL(folder, FOLDER))) {
      if (name.endsWith('.md')) names.push(`icap/${folder}${name}`);
    }
  }
  return (await Promise.all(names.sort().map((name) => readVectors(name)))).flat();
}

const vectors = await pages();
const bytesOf = (vector: Vector, side: 'C' | 'S'): Buffer[] =>
  vector.frames.filter((frame) => frame.side === side).map(({ bytes }) => bytes);

/** Requests of each dialogue; what follows a 100 is a segment of its own. */
export const dialogues: readonly (readonly Buffer[])[] = vectors.map((vector) => bytesOf(vector, 'C'));
export const requests: readonly Buffer[] = dialogues.map((frames) => Buffer.concat(frames));
export const responses: readonly Buffer[] = vectors.flatMap((vector) => bytesOf(vector, 'S'));

const text = [...requests, ...responses].map((bytes) => bytes.toString('latin1'));
const unique = (list: string[]): Buffer[] => [...new Set(list)].map((item) => Buffer.from(item, 'latin1'));

/** Values of Encapsulated. */
export const encapsulatedValues = unique(
  text.flatMap((message) => [...message.matchAll(/^Encapsulated: ?(.*)\r$/gim)].map(([, value]) => value!)),
);
/** URIs of request lines. */
export const uris = unique(text.flatMap((message) => message.match(/\bicaps?:\/\/[^ \r\n]*/gi) ?? []));
/** HTTP header sections, blank line included. */
export const sections = unique(
  text.flatMap((message) =>
    [
      ...message.matchAll(/\r\n((?:[A-Z]+ \S+ HTTP\/1\.[01]|HTTP\/1\.[01] \d+[^\r\n]*)\r\n[^]*?\r\n\r\n)/g),
    ].map(([, section]) => section!),
  ),
);
/** Chunked bodies, last chunk and trailers included. */
export const bodies = unique(
  text.flatMap((message) =>
    [...message.matchAll(/\r\n\r\n([0-9a-fA-F]+[^\r\n]*\r\n[^]*\r\n\r\n)/g)].map(([, body]) => body!),
  ),
);
