// What every command is given by main.ts, and the option that most of them share.

import { Option } from 'commander';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Set by a command that did not throw and yet was not successful. */
  exitCode: number;
}

/** `--config FILE`. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration file (default: ./weir.yaml if there is one)');
}

export interface ConfigOption {
  readonly config?: string;
}

/** Argument of loadConfig() for the parsed `--config`. */
export function configSource({ config }: ConfigOption, terminal: Terminal): { path?: string; cwd: string } {
  return config === undefined ? { cwd: terminal.cwd } : { path: config, cwd: terminal.cwd };
}

/** Help text with an example, for `addHelpText('after', …)`. */
export function examples(...lines: string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
