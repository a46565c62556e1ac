// docs/commands.md as text: the help of every command, as it is printed. Written by `npx tsx` of this file and
// held equal by test/docs/commands.test.ts.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCli } from '../support/runCli.ts';

export const COMMANDS_PAGE = fileURLToPath(new URL('../../docs/commands.md', import.meta.url));
export const WRITE_COMMANDS_PAGE = 'npx tsx test/docs/commands-page.ts';

interface CommandHelp {
  /** e.g. `['icap', 'doctor']`; none: the program itself. */
  readonly words: readonly string[];
  readonly help: string;
}

/** Help of a command and of all below it, in the order in which they are listed. */
async function helpBelow(words: readonly string[]): Promise<CommandHelp[]> {
  const { stdout: help } = await runCli([...words, '--help']);
  const list = /^Commands:\n((?: {2}.*\n)+)/m.exec(help)?.[1] ?? '';
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!);
  const below: CommandHelp[] = [];
  for (const name of names) below.push(...(await helpBelow([...words, name])));
  return [{ words, help }, ...below];
}

export async function commandsPage(): Promise<string> {
  const sections = (await helpBelow([])).map(({ words, help }) => {
    const depth = '#'.repeat(Math.min(3, words.length + 1));
    const title = words.length === 0 ? '' : `${depth} weir ${words.join(' ')}\n\n`;
    return `${title}\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`;
  });
  return `# Commands

What \`--help\` prints. In a checkout the command is \`bin/weir\`.

${sections.join('\n')}
This page is written from the program: \`${WRITE_COMMANDS_PAGE}\`.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(COMMANDS_PAGE, await commandsPage());
