// Reads a password: typed twice on a terminal that does not show it, or the first line of a pipe.

import { ConfigError } from '../errors.ts';
import type { InputStream, Terminal } from './terminal.ts';

const MAX_INPUT = 64 * 1024; // characters

/**
 * Asks for a new password.
 * @throws {ConfigError} `ERR_CONFIG_VALUE` when there is none, the second is not the first, or Ctrl-C was typed
 */
export async function readPassword(terminal: Terminal, question: string): Promise<string> {
  const stdin = terminal.stdin ?? process.stdin;
  if (stdin.isTTY !== true) return await firstLine(stdin);
  const password = await typed(terminal, stdin, question);
  if ((await typed(terminal, stdin, 'Once more: ')) !== password) {
    throw new ConfigError('ERR_CONFIG_VALUE', 'the two passwords differ: nothing was changed');
  }
  return password;
}

async function firstLine(stdin: InputStream): Promise<string> {
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) {
    text += chunk as string;
    if (text.includes('\n') || text.length > MAX_INPUT) break;
  }
  return text.split(/\r?\n/, 1)[0]!;
}

function typed(terminal: Terminal, stdin: InputStream, question: string): Promise<string> {
  terminal.stderr.write(question);
  stdin.setRawMode?.(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (error: ConfigError | null): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.setRawMode?.(false);
      stdin.pause();
      terminal.stderr.write('\n');
      if (error === null) resolve(text);
      else reject(error);
    };
    const aborted = (): void => finish(new ConfigError('ERR_CONFIG_VALUE', 'no password was given'));
    const onEnd = aborted;
    const onData = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') return finish(null);
        if (character === '\u0003' || character === '\u0004') return aborted(); // Ctrl-C, Ctrl-D
        if (character === '\u007f' || character === '\b') text = [...text].slice(0, -1).join('');
        else if (character === '\u0015')
          text = ''; // Ctrl-U
        else text += character;
      }
    };
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.resume();
  });
}
