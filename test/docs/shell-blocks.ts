// Finds the shell blocks of a page, and what an HTML comment in front of one says about running it:
// `<!-- not run: why -->`, or `<!-- run by: test/file.test.ts -->` where another test has what it needs.

import type { Page } from './pages.ts';

export interface ShellBlock {
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** What a reader pastes: prompts and the indentation of a list are gone. */
  readonly text: string;
  /** Why no test runs it; null: one has to. */
  readonly notRun: string | null;
  /** The test that runs it, as a path from the root of the checkout. */
  readonly runBy: string | null;
  /** Lines of the `text` block right behind it: what it prints, `…` for anything. */
  readonly prints: readonly string[];
}

const MARK = /(?:^ *<!-- (not run|run by): ([^\n]+?) -->\n\s*)?/;
const FENCE = /^( *)```(\w*)[^\n]*\n([^]*?)^ *```$/;
const PRINTED = /(?:\n\n```text\n([^]*?)^```$)?/;
const BLOCK = new RegExp(MARK.source + FENCE.source + PRINTED.source, 'gm');

const SHELLS = ['sh', 'console', 'bash', 'shell'];

export function shellBlocks({ file, text }: Page): ShellBlock[] {
  return [...text.matchAll(BLOCK)]
    .filter((match) => SHELLS.includes(match[4]!))
    .map((match) => {
      const [whole, mark, what, indent, , content, printed] = match;
      const fenceAt = match.index + whole.indexOf('```');
      return {
        file,
        line: text.slice(0, fenceAt).split('\n').length,
        text: pasted(content!.replaceAll(new RegExp(`^${indent}`, 'gm'), '')),
        notRun: mark === 'not run' ? what! : null,
        runBy: mark === 'run by' ? what! : null,
        prints: (printed ?? '').split('\n').filter((line) => line !== ''),
      };
    });
}

/** Where there are prompts, the lines behind them; the others are what was printed. */
function pasted(content: string): string {
  if (!/^\$ /m.test(content)) return content;
  return [...content.matchAll(/^\$ (.*\n)/gm)].map(([, command]) => command!).join('');
}

/** First lines of blocks that name no language although a shell is meant. */
export function unmarkedCommands({ text }: Page): string[] {
  const programs =
    /^\s*(?:\$ )?(?:weir|bin\/weir|curl|npm|node|sudo|export|docker|openssl|certutil|keytool|java) /;
  return [...text.matchAll(new RegExp(FENCE.source, 'gm'))]
    .filter(([, , language, content]) => language === '' && programs.test(content!))
    .map(([, , , content]) => content!.split('\n', 1)[0]!);
}
