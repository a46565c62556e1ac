// Reads the pages that people read: which there are, their links, code spans and fenced blocks.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellBlocks } from './shell-blocks.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Written by programs when they run: may be missing in a fresh checkout. */
const MADE_LATER = /^(?:certs\/ca\.|docs\/performance(?:-icap-server)?\.md$|dist(?:\/|$))/;

export interface Page {
  /** Path from the root of the checkout, with slashes. */
  readonly file: string;
  readonly text: string;
}

const read = (file: string): Page => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') });

export const README = read('README.md');
export const CONTRIBUTING = read('CONTRIBUTING.md');

/** The pages at the root and below docs/. */
export function allPages(): Page[] {
  const below = readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const docs = below.filter((name) => name.endsWith('.md')).map((name) => path.posix.join('docs', name));
  return [README, CONTRIBUTING, read('CHANGELOG.md'), read('ROADMAP.md'), ...docs.map(read)];
}

/** Targets of links and images that lie in the checkout, as paths from its root. */
export function linkedFiles({ file, text }: Page): string[] {
  return [...text.matchAll(/\]\((?!\w+:)([^)#\s]+)[^)]*\)/g)].map(([, target]) =>
    path.posix.join(path.posix.dirname(file), target!),
  );
}

/** Paths of the checkout that are named in code spans and fenced blocks. */
export function namedFiles({ text }: Page): string[] {
  const paths = /(?<![\w./@-])(?:src|test|docs|plugins|bench|bin|certs|\.ci)\/[\w./-]*\w/g;
  return [...new Set(codeOf(text).flatMap((code) => code.match(paths) ?? []))];
}

/** True for a file or folder of the checkout, or one that a program makes there. */
export function isThere(file: string): boolean {
  return MADE_LATER.test(file) || existsSync(path.join(ROOT, file));
}

/** Contents of the fenced blocks of a language. */
export function blocks({ text }: Page, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)]
    .filter(([, info]) => info === language)
    .map(([, , content]) => content!);
}

/** Everything that is set as code. */
export function codeOf(text: string): string[] {
  const fenced = [...text.matchAll(/^```[^\n]*\n([^]*?)^```$/gm)].map(([, content]) => content!);
  const outside = text.replace(/^```[^\n]*\n[^]*?^```$/gm, '');
  return [...fenced, ...[...outside.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!)];
}

/** Lines of shell blocks without their comments, continued ones joined. */
export function commands(page: Page): string[] {
  return shellBlocks(page).flatMap(({ text }) =>
    text
      .replace(/[|\\]\n\s+/g, '| ')
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== ''),
  );
}
