// What a walk through a body meets, as text by path, for the suites of this folder.

import {
  DEFAULT_BUDGET,
  Ledger,
  memorySource,
  walk,
  type ByteSource,
  type Trouble,
  type UnpackBudget,
  type WalkOptions,
} from '../../src/detect/index.ts';

export interface Seen {
  contents: Record<string, string>;
  troubles: Trouble[];
}

/** Walks and keeps the text of each content, the body itself left out. */
export async function seen(
  body: Buffer | ByteSource,
  options: WalkOptions = {},
  budget: Partial<UnpackBudget> = {},
): Promise<Seen> {
  const ledger = new Ledger({ ...DEFAULT_BUDGET, ...budget });
  const contents: Record<string, string> = {};
  for await (const content of walk(Buffer.isBuffer(body) ? memorySource(body) : body, ledger, options)) {
    const parts: Buffer[] = [];
    for await (const chunk of content.chunks) parts.push(Buffer.from(chunk));
    if (content.path !== '') contents[content.path] = Buffer.concat(parts).toString('latin1');
  }
  return { contents, troubles: ledger.troubles };
}

export const kinds = ({ troubles }: Seen): string[] => [...new Set(troubles.map(({ kind }) => kind))];
