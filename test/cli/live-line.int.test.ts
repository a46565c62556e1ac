// The line at the bottom on a real pseudo terminal, made by script(1), with a real Weir behind it; and that
// there is none where somebody else may be reading or writing.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { liveLine } from '../../src/cli/live-line.ts';
import { curl } from '../support/curl.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';

import { tempDir, type TempDir } from '../support/tempDir.ts';

const WEIR = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const START_LIMIT_MS = 120_000; // may have to build first
const CONFIG = `proxy: { listen: "127.0.0.1:0", certs: certs }
gateway: { listen: "127.0.0.1:0" }
dashboard: { listen: null }
trace: { enabled: false }
`;
const INTERRUPT = '\u0003'; // what Ctrl-C sends to a terminal
const LIVE = /\r\u001b\[K.*up \d+ s.*requests\/s/;

interface OnTerminal extends AsyncDisposable {
  /** Resolves with the match once what the terminal shows matches, from `from` on. */
  shows(pattern: RegExp, from?: number): Promise<RegExpExecArray>;
  shown(): string;
  type(keys: string): void;
  readonly exited: Promise<number>;
}

/** `weir …args` on a terminal of 60 columns. */
function onTerminal(args: readonly string[], folder: TempDir, env: NodeJS.ProcessEnv = {}): OnTerminal {
  const words = [process.execPath, WEIR, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn(requirePeer('script'), ['-qefc', `stty cols 60; exec ${words}`, '/dev/null'], {
    cwd: folder.path,
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: undefined, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    wake();
  });
  let ended = false;
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code) => {
      ended = true;
      resolve(code ?? 128);
      wake();
    });
  });
  return {
    exited,
    shown: () => text,
    type: (keys) => void child.stdin.write(keys),
    shows: (pattern, from = 0) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text.slice(from));
          if (match === null && !ended) return;
          waiting.delete(look);
          if (match !== null) resolve(match);
          else reject(new Error(`it ended without ${pattern}:\n${text}`));
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill('SIGKILL');
      await exited;
    },
  };
}

describeWithPeer('script', () => {
  test(
    'the line stands below the log, fits the terminal, counts what passes, and is gone after Ctrl-C',
    async () => {
      await using folder = await tempDir();
      await folder.write('weir.yaml', CONFIG);
      await using weir = onTerminal(['start'], folder);
      const [, port] = await weir.shows(/proxy +http:\/\/127\.0\.0\.1:(\d+)/);
      await weir.shows(LIVE);
      await curl(['--proxy', `http://127.0.0.1:${port}`, 'http://weir.local/']);
      // The record takes the line away before it is written, and the line comes back below.
      await weir.shows(/\r\u001b\[K200 .*allowed.* GET http:\/\/weir\.local\/ [^\n]*\n\r\u001b\[K/);
      await weir.shows(/requests\/s \| \u001b\[32m1 allowed/);
      for (const line of weir.shown().split(/\r\u001b\[K|\r?\n/)) {
        if (!line.includes('requests/s')) continue;
        expect(line.replace(/\u001b\[\d+m/g, '').length).toBeLessThan(60);
      }
      const before = weir.shown().length;
      weir.type(INTERRUPT);
      await weir.shows(/\r\u001b\[Kweir: stopping, at most 10 s [^\n]*\n/, before);
      expect(await weir.exited).toBe(0);
      expect(weir.shown().endsWith('\r\u001b[K')).toBe(true);
    },
    START_LIMIT_MS,
  );

  test(
    'with --no-live nothing of the sort is shown, and with NO_COLOR no colour',
    async () => {
      await using folder = await tempDir();
      await folder.write('weir.yaml', CONFIG);
      await using silent = onTerminal(['start', '--no-live'], folder);
      await using colourless = onTerminal(['start'], folder, { NO_COLOR: '1' });
      await silent.shows(/Try it:/);
      await colourless.shows(LIVE);
      for (const weir of [silent, colourless]) {
        weir.type(INTERRUPT);
        expect(await weir.exited).toBe(0);
        expect(weir.shown()).not.toMatch(/\u001b\[\d+m/);
      }
      expect(silent.shown()).not.toContain('\u001b');
    },
    START_LIMIT_MS,
  );
});

test('where an output is no terminal, or a terminal cannot be written over, there is no line', () => {
  const stream = (isTTY: boolean) => ({ isTTY, write: () => true });
  const terminal = (out: boolean, error: boolean) => ({
    ...{ stdout: stream(out), stderr: stream(error), cwd: '/' },
  });
  expect(liveLine(terminal(false, true), {})).toBeNull();
  expect(liveLine(terminal(true, false), {})).toBeNull();
  expect(liveLine(terminal(true, true), { TERM: 'dumb' })).toBeNull();
  expect(liveLine(terminal(true, true), { TERM: 'xterm' })).not.toBeNull();
});
