// Plays a protocol vector against a server: what the client sends, cut as the test wants it, and what must
// come back.

import { expect } from '@jest/globals';
import type { Frame, Vector } from '../../support/vectors.ts';
import { decodeAnswers } from '../../support/vectors.ts';
import type { LabClient } from './lab.ts';

/** How the bytes of a request are cut into segments. */
export type Cut = (frame: Frame) => Buffer[];

export const whole: Cut = ({ bytes }) => [bytes];
export const byteByByte: Cut = ({ bytes }) => [...bytes].map((byte) => Buffer.from([byte]));

/** Whether the server announces that it closes. */
export function closes(vector: Vector): boolean {
  return vector.frames.some(
    ({ side, bytes }) => side === 'S' && /\r\nConnection: close\r\n/i.test(bytes.toString('latin1')),
  );
}

/** Runs the dialogue once and compares every answer; at the end the server closes if it said so. */
export async function play(vector: Vector, client: LabClient, cut: Cut): Promise<void> {
  for (const frame of vector.frames) {
    if (frame.side === 'C') for (const segment of cut(frame)) await client.deliver(segment);
    else expect(await client.answer()).toEqual(decodeAnswers(frame.bytes)[0]);
  }
  if (closes(vector)) expect(await client.closed()).toHaveLength(0);
}

/** The connection still serves; also shows that nothing but the answers was sent before. */
export async function probe(client: LabClient, path: string): Promise<void> {
  await client.deliver(`OPTIONS icap://h${path} ICAP/1.0\r\nHost: h\r\n\r\n`);
  expect(await client.answer()).toMatchObject({ status: 200 });
  client.raw.end();
  expect(await client.closed()).toHaveLength(0);
}
