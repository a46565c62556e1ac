// What a command may touch of the process: where it prints and where relative paths start. Tests pass
// streams of their own; bin/weir passes none and gets the process.

export interface OutputStream {
  /** True on a terminal: only then may a command print colours or tables meant for people alone. */
  readonly isTTY?: boolean;
  write(chunk: string | Uint8Array): unknown;
}

export interface Terminal {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Absolute path. */
  readonly cwd: string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return { stdout: process.stdout, stderr: process.stderr, cwd: process.cwd() };
}
