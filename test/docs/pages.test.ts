// The documentation is held to what it talks about: files, commands, flags, keys and error codes that it
// names must exist, its configurations must be accepted.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { configReference } from '../../src/config/reference.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ERRORS } from '../../src/errors.ts';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';
import {
  allPages,
  blocks,
  codeOf,
  commands,
  CONTRIBUTING,
  isThere,
  linkedFiles,
  namedFiles,
  type Page,
  README,
  ROOT,
} from './pages.ts';

const pages = allPages();
const scripts = (
  JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
).scripts;
const decisions = readdirSync(path.join(ROOT, 'docs/decisions')).sort();

/** Examples of what a reader would add, or has elsewhere. */
const INVENTED = ['plugins/no-exe', 'docs/decisions/NNNN-title.md', 'certs/dashboard.token'];

describe.each(pages.map((page) => [page.file, page] as const))('%s', (file, page) => {
  test('links to files that exist', () => {
    expect(linkedFiles(page).filter((target) => !isThere(target))).toEqual([]);
  });

  test('names files that exist', () => {
    const missing = namedFiles(page).filter((name) => !isThere(name) && !INVENTED.includes(name));
    expect(missing).toEqual([]);
  });

  test('names error codes that exist', () => {
    const codes = page.text.match(/\bERR_[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
    const notOurs = /^ERR_(?:SSL|TLS_CERT)_/;
    expect(codes.filter((code) => !Object.hasOwn(ERRORS, code) && !notOurs.test(code))).toEqual([]);
  });

  test('names npm scripts that exist', () => {
    const named = codeOf(page.text).flatMap((code) => [...code.matchAll(/\bnpm (?:run )?([a-z]+)/g)]);
    const ofNpm = ['install', 'ci'];
    expect(
      named.map(([, name]) => name!).filter((name) => !ofNpm.includes(name) && !(name in scripts)),
    ).toEqual([]);
  });

  test('names configuration keys that exist', () => {
    if (file === 'CHANGELOG.md') return; // tells of former keys too
    const known = configReference().map((entry) => entry.path);
    const tops = [...new Set(known.map((key) => key.split(/[.[]/, 1)[0]!))].join('|');
    const spans = codeOf(page.text).filter((code) =>
      new RegExp(`^(?:${tops})(?:\\.[\\w*[\\]]+)+$`).test(code),
    );
    const parts = (key: string): string => key.replaceAll('[]', '');
    const exists = (span: string): boolean => known.some((key) => parts(key) === parts(span));
    expect(spans.filter((span) => !exists(span) && !isThere(span))).toEqual([]);
  });
});

/** Words of `weir …` in a command line, or null; `npm start` is `weir start`. */
function weirWords(line: string): string[] | null {
  const words = line
    .replace(/\s+#.*$/, '')
    .replace(/^sudo (?:-\w+ \S+ )*/, '')
    .split(/\s+/);
  if (words[0] === 'npm' && words[1] === 'start') return ['start', ...words.slice(3)];
  if (!/^(?:\S*\/)?weir$/.test(words[0]!)) return null;
  const end = words.findIndex((word) => /^[|>&;]|^2>/.test(word)); // the shell's
  return (end < 0 ? words : words.slice(0, end)).slice(1);
}

const weirCommands = pages.flatMap((page) =>
  commands(page).flatMap((line) => {
    const words = weirWords(line);
    return words === null ? [] : [{ file: page.file, line, words }];
  }),
);

test('pages show commands of weir', () => {
  expect(weirCommands.length).toBeGreaterThan(30);
});

test.each(weirCommands)('$file: `$line` is a command with these flags', async ({ words }) => {
  const command = words.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, 2);
  // The second word may be an argument.
  const both = await runCli([...command, '--help']);
  const help = both.stdout.startsWith(`Usage: weir ${command.join(' ')}`)
    ? both.stdout
    : (await runCli([...command.slice(0, 1), '--help'])).stdout;
  expect(help).toMatch(new RegExp(`^Usage: weir ${command[0] ?? ''}`));
  for (const flag of words.filter((word) => word.startsWith('--')))
    expect(help).toContain(flag.replace(/=.*/, ''));
});

test("README's test command is the one that continuous integration runs", () => {
  const ci = readFileSync(path.join(ROOT, '.ci/run'), 'utf8').trimEnd().split('\n').at(-1)!;
  expect(commands(README)).toContain(ci);
});

test('README shows the line that a start prints', async () => {
  const line = commands(README).find((command) => command.startsWith('curl '));
  expect(line).toBe('curl -x http://127.0.0.1:8080 --cacert certs/ca.pem https://example.com/');
});

/** Whole files; a part of one begins with another key, or is indented. */
const isConfiguration = (text: string): boolean =>
  new RegExp(
    `^(?:${[...new Set(configReference().map((entry) => entry.path.split(/[.[]/, 1)[0]!))].join('|')}):`,
    'm',
  ).test(text);
const configurations = [README, CONTRIBUTING].flatMap((page: Page) =>
  blocks(page, 'yaml').map((text) => ({ file: page.file, text })),
);
const otherConfigurations = pages
  .filter((page) => page !== README && page !== CONTRIBUTING)
  .flatMap((page) =>
    blocks(page, 'yaml')
      .filter(isConfiguration)
      .map((text, index) => ({ file: page.file, number: index + 1, text })),
  );

test.each(otherConfigurations)('configuration $number in $file is accepted', async ({ text }) => {
  await using folder = await tempDir();
  const loaded = await loadConfig({ path: await folder.write('weir.yaml', text) });
  expect(loaded.config).toBeDefined();
});

test.each(configurations)('a configuration in $file is accepted without a warning', async ({ text }) => {
  await using folder = await tempDir();
  const loaded = await loadConfig({ path: await folder.write('weir.yaml', text) });
  expect(loaded.warnings).toEqual([]);
});

test('log records in README are JSON', () => {
  const [record] = blocks(README, 'json');
  expect(JSON.parse(record!)).toMatchObject({ kind: 'proxy', verdict: 'blocked' });
});

describe('docs/internals/lifecycle.md', () => {
  const page = pages.find(({ file }) => file === 'docs/internals/lifecycle.md')!;
  const [, proxy, gateway] = page.text.split(/^## /m);
  const stated = (tree: string): [string, number][] =>
    [...tree.matchAll(/\b(ERR_[A-Z_]+) (\d{3})\b/g)].map(([, code, status]) => [code!, Number(status)]);

  test('gives the HTTP status of each code in the tree of the proxy', () => {
    const codes = stated(proxy!);
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter(([code, status]) => ERRORS[code as keyof typeof ERRORS].http !== status)).toEqual([]);
  });

  test('gives the ICAP status of each code in the tree of the gateway', () => {
    const codes = stated(gateway!);
    expect(codes.length).toBeGreaterThan(15);
    expect(codes.filter(([code, status]) => ERRORS[code as keyof typeof ERRORS].icap !== status)).toEqual([]);
  });
});

describe('docs/decisions', () => {
  test('are numbered from 0001 without a gap', () => {
    const numbers = decisions.map((name) => name.slice(0, 5));
    expect(numbers).toEqual(decisions.map((_, index) => `${String(index + 1).padStart(4, '0')}-`));
  });

  test.each(decisions)('%s is in the list of docs/architecture.md', (name) => {
    const page = pages.find(({ file }) => file === 'docs/architecture.md')!;
    expect(linkedFiles(page)).toContain(`docs/decisions/${name}`);
  });

  test.each(decisions)('%s has its number and the four parts', (name) => {
    const { text } = pages.find(({ file }) => file === `docs/decisions/${name}`)!;
    expect(text).toMatch(new RegExp(`^# ${name.slice(0, 4)} `));
    const parts = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(parts).toEqual(['Question', 'What was measured', 'Choice', 'What would change it']);
  });
});
