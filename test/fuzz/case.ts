// What one run of a fuzz target is given, and how it is kept in a file so that a failure can be played again:
// a Markdown page under test/vectors/icap/regressions with the bytes as hexadecimal JSON.

import { createHash } from 'node:crypto';
import type fc from 'fast-check';

/** Segments of one connection, as they are written one after the other. */
export type Segments = readonly Buffer[];

export interface FuzzCase {
  readonly connections: readonly Segments[];
  /** What else was decided: strict or lenient, who closes, what the services do. */
  readonly choices: Readonly<Record<string, string | number | boolean>>;
}

/** Notes something that a run has met: an error code, a state, a status. */
export type Seen = (what: string) => void;

export interface FuzzTarget {
  /** Letters, digits and `-`. */
  readonly name: string;
  /** How many runs one turn has: fast targets take many. */
  readonly runsPerTurn: number;
  readonly cases: fc.Arbitrary<FuzzCase>;
  /** Throws, or rejects, when the case breaks an invariant. */
  check(given: FuzzCase, seen: Seen): void | Promise<void>;
  /** After each turn: what must hold now that nothing is under way. */
  settle?(seen: Seen): Promise<void>;
  /** When no more turns follow. */
  stop?(): Promise<void>;
}

/** A failing case as a page, and the name of its file. */
export function toPage(
  target: string,
  given: FuzzCase,
  message: string,
  found: string,
): { name: string; text: string } {
  const { choices, connections } = given;
  const bytes = connections.map((segments) => segments.map((segment) => segment.toString('hex')));
  const json = JSON.stringify({ target, choices, connections: bytes }, null, 2);
  const digest = createHash('sha256').update(json).digest('hex').slice(0, 10);
  const shown = connections.map((segments) => JSON.stringify(Buffer.concat(segments).toString('latin1')));
  return {
    name: `${target}-${digest}.md`,
    text: `# ${target}: ${message.split('\n', 1)[0]!}

Found by \`${found}\`. \`test/fuzz/regressions.test.ts\` plays this page: it fails until the fault is
mended, and stays as its test. Say here in a sentence what was wrong and what is right.

\`\`\`text
${shown.join('\n')}
\`\`\`

\`\`\`json
${json}
\`\`\`
`,
  };
}

/** Reads a page that `toPage` wrote. */
export function fromPage(text: string): { target: string; given: FuzzCase } {
  const json = /^```json\n([^]*?)^```$/m.exec(text)?.[1];
  if (json === undefined) throw new Error('no JSON block in the page');
  const { target, choices, connections } = JSON.parse(json) as {
    target: string;
    choices: FuzzCase['choices'];
    connections: string[][];
  };
  const segmentsOf = (list: string[]): Buffer[] => list.map((hex) => Buffer.from(hex, 'hex'));
  return { target, given: { choices, connections: connections.map(segmentsOf) } };
}
