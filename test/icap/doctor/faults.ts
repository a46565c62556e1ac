// Words for faults: what a relay does to requests and answers so that one rule is broken.

import type { Fault, Reaction } from './faulty.ts';

export const TAG = 'ISTag: "G1"\r\n';
export const bad = (status: number): Reaction => ({ answer: `ICAP/1.0 ${status} Broken\r\n${TAG}\r\n` });
export const CONTINUE = `ICAP/1.0 100 Continue\r\n${TAG}\r\n`;
export const NO_CONTENT = `ICAP/1.0 204 Unmodified\r\n${TAG}\r\n`;
const HTTP = 'HTTP/1.1 200 OK\r\nServer: doctor\r\n\r\n'; // 35 bytes
export const withBody = (start: string, end = '0\r\n\r\n'): string =>
  `ICAP/1.0 ${start}\r\n${TAG}Encapsulated: res-hdr=0, res-body=35\r\n\r\n${HTTP}1\r\nx\r\n${end}`;
export const PARTIAL = withBody('206 Partial Content', '0; use-original-body=0\r\n\r\n');
export const BEYOND = withBody('206 Partial Content', '0; use-original-body=999999\r\n\r\n');

/** A request that holds this text gets that answer. */
export const when = (pattern: string | RegExp, reaction: Reaction): Fault => ({
  onRequest: (text) => (found(text, pattern) ? reaction : undefined),
});
const found = (text: string, pattern: string | RegExp): boolean =>
  typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text);
/** An answer has this in place of that. */
export const changed = (from: string | RegExp, to: string): Fault => ({
  onAnswer: (text) => text.replace(from, to),
});
export const in206 = (rest: Fault): Fault => ({
  ...rest,
  onAnswer: (text) => text.replace(/^Allow: .*$/m, 'Allow: 204, 206'),
});
