// What a command may touch of the process: where it prints and where relative paths start. Tests pass
// streams of their own; bin/weir passes none and gets the process.

export interface OutputStream {
  /** True on a terminal: only then may a command print colours or tables meant for people alone. */
  readonly isTTY?: boolean;
  /** Width of a terminal in characters; absent: not known. */
  readonly columns?: number;
  write(chunk: string | Uint8Array): unknown;
}

/** Of `process.stdin` what reading a password needs. */
export interface InputStream extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
  setEncoding(encoding: 'utf8'): unknown;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (chunk: string) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (chunk: string) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

export interface Terminal {
  /** Absent: that of the process. */
  readonly stdin?: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Absolute path. */
  readonly cwd: string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return { stdout: process.stdout, stderr: process.stderr, cwd: process.cwd() };
}
