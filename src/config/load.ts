// From a path to a resolved configuration: which file is read, in which order it is checked, and how
// everything that is wrong is brought together in one error. Reading it again (SIGHUP) is the same call.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../errors.ts';
import { advise } from './advice.ts';
import { crossCheck } from './check.ts';
import { parseConfigText, type ConfigDocument } from './document.ts';
import { fromIssue, suggest } from './issues.ts';
import { ConfigProblemsError, pathText, type ConfigProblem, type UnplacedProblem } from './problems.ts';
import { resolveConfig } from './resolve.ts';
import { configSchema } from './schema.ts';
import type { ResolvedConfig } from './types.ts';

export { ConfigProblemsError, formatProblems, type ConfigProblem } from './problems.ts';
export type { ResolvedConfig } from './types.ts';

const DEFAULT_FILE = 'weir.yaml';
const MAX_FILE = 256 * 1024; // bytes
const MAX_PROBLEMS = 100; // reported; a file with more is not a configuration

export interface LoadedConfig {
  config: ResolvedConfig;
  /** Absolute path of the file that was read; null when the defaults are used. */
  file: string | null;
  /** Things that are allowed but probably not meant; the same form as problems. */
  warnings: ConfigProblem[];
}

/**
 * Reads, checks and resolves the configuration: the file at `path`, else `weir.yaml` in `cwd` if it is
 * there, else the defaults.
 *
 * @param options.path relative paths are seen from `cwd`; the file must exist
 * @param options.cwd default: the working directory of the process
 * @throws {ConfigProblemsError} with all problems at once: `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_SYNTAX`,
 *         `ERR_CONFIG_UNKNOWN_KEY`, `ERR_CONFIG_VALUE`, `ERR_CONFIG_UNSUPPORTED`
 */
export async function loadConfig(options: { path?: string; cwd?: string } = {}): Promise<LoadedConfig> {
  const cwd = path.resolve(options.cwd ?? process.cwd());
  const file = path.resolve(cwd, options.path ?? DEFAULT_FILE);
  const text = await readConfigFile(file, options.path === undefined);
  return text === null ? checkConfig(null, null, cwd) : checkConfig(parseConfigText(text, file), file, cwd);
}

/**
 * The same for a configuration that is an object of the program's own: keys and values as in the file.
 *
 * @param folder  what relative paths are seen from; default: the working directory of the process
 * @throws {ConfigProblemsError} as loadConfig, without lines
 */
export function checkConfigObject(value: object, folder: string = process.cwd()): LoadedConfig {
  return checkConfig(null, null, path.resolve(folder), value);
}

/**
 * The same for a text that is to become a file's.
 *
 * @param file  absolute path, for messages and relative paths; need not be there
 * @throws {ConfigProblemsError} as loadConfig
 */
export function checkConfigText(text: string, file: string): LoadedConfig {
  return checkConfig(parseConfigText(text, file), file, path.dirname(file));
}

function checkConfig(
  document: ConfigDocument | null,
  file: string | null,
  cwd: string,
  raw: unknown = document?.value ?? {},
): LoadedConfig {
  const place = (problem: UnplacedProblem): ConfigProblem => placed(problem, document);
  const checked = configSchema.safeParse(raw, { reportInput: true });
  const crossed = crossCheck(raw);
  if (!checked.success || crossed.length > 0) {
    const problems = withoutEchoes((checked.error?.issues ?? []).flatMap(fromIssue), crossed);
    throw new ConfigProblemsError(inOrder(problems.slice(0, MAX_PROBLEMS).map(suggest).map(place)), file);
  }
  const folder = file === null ? cwd : path.dirname(file);
  const pluginsGiven = ((raw as { plugins?: unknown }).plugins ?? null) !== null;
  const config = resolveConfig(checked.data, { folder, pluginsGiven });
  return { config, file, warnings: inOrder(advise(raw, config).map(place)) };
}

/** Null when the file may be missing and is; everything else that cannot be read is an error. */
async function readConfigFile(file: string, mayBeMissing: boolean): Promise<string | null> {
  const unreadable = (errno: string, message: string, cause?: unknown) => {
    const problem = { path: '', line: null, column: null, found: errno, allowed: 'a readable file' };
    const code = 'ERR_CONFIG_UNREADABLE';
    return new ConfigProblemsError([{ ...problem, code, message, suggestion: null }], file, cause);
  };
  try {
    await using handle = await open(file, constants.O_RDONLY);
    const bytes = Buffer.alloc(MAX_FILE + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > MAX_FILE) {
      throw unreadable('EFBIG', 'cannot be read: longer than 256KiB; is it the right file?');
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } catch (error) {
    const errno = String((error as { code?: unknown }).code ?? 'unknown');
    if (errno === 'ENOENT' && mayBeMissing) return null;
    if (error instanceof ConfigProblemsError) throw error;
    throw unreadable(errno, `cannot be read (${errno}): ${REMEDIES[errno] ?? messageOf(error)}`, error);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check --config',
  ENOTDIR: 'a part of the path is not a folder; check --config',
  EISDIR: 'it is a folder; give the path of the file in it',
  EACCES: 'give the user that runs Weir permission to read it',
  EPERM: 'give the user that runs Weir permission to read it',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'save it as UTF-8 text',
};

/**
 * Problems of the schema and across keys, without those that follow from another: whatever is below a
 * key that must be removed anyway, and names that do not exist because they are no names.
 */
function withoutEchoes(single: UnplacedProblem[], crossed: UnplacedProblem[]): UnplacedProblem[] {
  const unsupported = crossed.filter((problem) => problem.code === 'ERR_CONFIG_UNSUPPORTED');
  const isBelow = (inner: UnplacedProblem) =>
    unsupported.some((outer) => outer.path.every((part, index) => inner.path[index] === part));
  const reported = new Set(single.map((problem) => pathText(problem.path)));
  return [
    ...single.filter((problem) => !isBelow(problem)),
    ...crossed.filter((problem) => !reported.has(pathText(problem.path)) || unsupported.includes(problem)),
  ];
}

function placed(problem: UnplacedProblem, document: ConfigDocument | null): ConfigProblem {
  const { atKey = false, path: parts, ...rest } = problem;
  const where = document?.placeOf(parts, atKey);
  return {
    ...rest,
    path: where?.path ?? pathText(parts),
    line: where?.line ?? null,
    column: where?.column ?? null,
  };
}

/** By place in the file; what has none comes last. */
function inOrder(problems: ConfigProblem[]): ConfigProblem[] {
  const rank = (problem: ConfigProblem) => (problem.line ?? Infinity) * 10_000 + (problem.column ?? 0);
  return problems.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}
