// One line at the bottom of the terminal that is kept up to date while Weir serves. It has no line end: whoever
// prints next writes over it, the log (src/telemetry/log.ts) and everything that goes through `terminal` here,
// and at the next turn it stands below that. What it says is live-figures.ts.

import type { RunningWeir } from '../app.ts';
import { writeOverLastLine } from '../telemetry/log.ts';
import { colours, OVERWRITE_LINE } from '../telemetry/terminal-line.ts';
import { LiveFigures } from './live-figures.ts';
import type { ServeExtra } from './serve.ts';
import type { OutputStream, Terminal } from './terminal.ts';

const DRAW_EVERY_MS = 500;
const DEFAULT_COLUMNS = 80;
const MIN_COLUMNS = 20; // in less a line says nothing

export interface LiveLine extends ServeExtra {
  /** The terminal for all that is printed meanwhile. */
  readonly terminal: Terminal;
}

/**
 * A live line on the terminal's standard error.
 * @param env  NO_COLOR leaves out colours; TERM=dumb stands for a terminal on which nothing can be written over
 * @returns null where there is none: unless both outputs are a terminal, somebody else may be writing on it
 */
export function liveLine(given: Terminal, env: NodeJS.ProcessEnv = process.env): LiveLine | null {
  const { stdout, stderr } = given;
  if (stdout.isTTY !== true || stderr.isTTY !== true || env['TERM'] === 'dumb') return null;
  const figures = new LiveFigures(performance.now());
  const paint = colours(env['NO_COLOR'] === undefined || env['NO_COLOR'] === '');
  let timer: NodeJS.Timeout | null = null;
  const clear = (): void => void stderr.write(OVERWRITE_LINE);
  const draw = (weir: RunningWeir): void => {
    // One column less than there are: a terminal that is full goes on to the next line.
    const columns = (stderr.columns ?? DEFAULT_COLUMNS) - 1;
    if (columns < MIN_COLUMNS) return clear();
    const services = weir.serviceStates?.() ?? [];
    stderr.write(`${OVERWRITE_LINE}${figures.line(performance.now(), columns, services, paint)}`);
  };
  const stop = (): void => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    writeOverLastLine(false);
    process.off('exit', stop);
    clear();
  };
  return {
    terminal: {
      ...given,
      stdout: writingOver(stdout, () => timer !== null),
      stderr: writingOver(stderr, () => timer !== null),
    },
    prepare: () => Promise.resolve({ onRecord: (record) => figures.add(record) }),
    started(weir) {
      writeOverLastLine(true);
      process.on('exit', stop); // after a fault, or a second Ctrl-C
      timer = setInterval(draw, DRAW_EVERY_MS, weir);
      timer.unref();
      draw(weir);
    },
    stopped() {
      stop();
      return Promise.resolve();
    },
  };
}

/** The stream, with the line taken away before each text. Texts end in a line end. */
function writingOver(stream: OutputStream, isShown: () => boolean): OutputStream {
  return {
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? DEFAULT_COLUMNS;
    },
    write: (chunk) => {
      if (isShown()) stream.write(OVERWRITE_LINE);
      return stream.write(chunk);
    },
  };
}
