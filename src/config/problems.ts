// What is wrong with a configuration, as data: one problem with its place, what was found and what is
// allowed; the error that carries all of them; and the lines that a person reads. Finding problems is
// left to values.ts (one value), schema.ts (shape) and check.ts (across keys).

import path from 'node:path';
import { ConfigError, printable, type ErrorCode } from '../errors.ts';

/** Keys and list indexes from the top of the configuration, e.g. `['adaptation', 'rules', 0]`. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong (or, as a warning, worth knowing), with its place in the file. */
export interface ConfigProblem {
  code: ErrorCode;
  /** Dotted path, e.g. `adaptation.services.scan.preview`; empty when it concerns the file as a whole. */
  path: string;
  /** From 1; null when the problem has no place in a file. */
  line: number | null;
  /** From 1, in characters; null like `line`. */
  column: number | null;
  /** What stands there, fit for printing: strings quoted and cut, passwords removed. */
  found: string;
  /** What may stand there. */
  allowed: string;
  /** One line without path and place, e.g. `expected 0..64KiB, got "10MB"`. */
  message: string;
  /** A name that was probably meant. */
  suggestion: string | null;
}

/** A problem before its place in the file is known. */
export interface UnplacedProblem {
  code: ErrorCode;
  path: ConfigPath;
  /** True when the key is at fault and not its value. */
  atKey?: boolean;
  found: string;
  allowed: string;
  message: string;
  suggestion: string | null;
}

/** A configuration that cannot be used, with all its problems at once. `code` is that of the first. */
export class ConfigProblemsError extends ConfigError {
  readonly problems: ConfigProblem[];
  /** Absolute path of the file, null when there was none. */
  readonly file: string | null;

  constructor(problems: ConfigProblem[], file: string | null, cause?: unknown) {
    const first = problems[0];
    super(
      first?.code ?? 'ERR_CONFIG_VALUE',
      formatProblems(problems, file).join('\n'),
      { file, path: first?.path ?? null, problems: problems.length },
      cause,
    );
    this.problems = problems;
    this.file = file;
  }
}

/**
 * The lines that the CLI prints, one a problem, in the form that editors and terminals make clickable:
 * `weir.yaml:12:16  adaptation.services.scan.preview: expected 0..64KiB, got "10MB"`.
 *
 * @param file path of the configuration, shown relative to the working directory where it lies below it
 */
export function formatProblems(problems: readonly ConfigProblem[], file: string | null): string[] {
  return problems.map((problem) => {
    const place = problem.line === null ? '' : `:${problem.line}:${problem.column ?? 1}`;
    const where = `${shownFile(file)}${place}`;
    const subject = problem.path === '' ? '' : `${problem.path}: `;
    const hint = problem.suggestion === null ? '' : `; did you mean ${problem.suggestion}?`;
    return `${where}  ${subject}${problem.message}${hint}`;
  });
}

function shownFile(file: string | null): string {
  if (file === null) return 'configuration';
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}

/** Path as people write it: `adaptation.rules[0].use`; a name with other characters is quoted. */
export function pathText(parts: ConfigPath): string {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) text += `["${printable(part)}"]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** A value from the configuration made fit for a message; user names and passwords in URLs are removed. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `"${printable(value.replace(/\/\/\S*@/g, '//…@'))}"`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  return String(value);
}

/**
 * The error for one value that is not allowed. `fields.allowed`, `fields.found` and `fields.suggestion`
 * become those of the problem.
 */
export function notAllowed(
  allowed: string,
  value: unknown,
  suggestion: string | null = null,
  found = shown(value),
): ConfigError {
  return new ConfigError('ERR_CONFIG_VALUE', expectation(allowed, found), { allowed, found, suggestion });
}

/** The sentence of a value problem; `nothing` means that a key is missing. */
export function expectation(allowed: string, found: string): string {
  return found === 'nothing' ? `is missing: expected ${allowed}` : `expected ${allowed}, got ${found}`;
}
