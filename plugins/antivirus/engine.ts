// The embedded engine: YARA rules compiled by yara-x, and bytes scanned with them. Runs in worker
// threads, so it imports neither `weir` nor anything that does. Threat names come from the rules' `meta`.

import { createRequire } from 'node:module';

/** One rule file: where it is from, and its text. */
export interface RuleFile {
  readonly file: string;
  readonly source: string;
}

export interface Hit {
  readonly rule: string;
  /** `meta.threat`, else the rule's name. */
  readonly threat: string;
  /** `meta.severity`, else `high`. */
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
}

/** What went wrong in a worker; crosses threads as plain data. */
export class EngineError extends Error {
  readonly code: 'ERR_PLUGIN_OPTIONS' | 'ERR_SCAN_UNAVAILABLE';

  constructor(code: EngineError['code'], message: string) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
  }
}

/** Stops a rule that matches every other byte from filling the memory with match records. */
const MAX_MATCHES = 10_000;

/** Rule variables that yara-x must know when compiling; values are text, numbers by their digits. */
const VARIABLES = { weir_offset: '0' };

/** `include` would bring in files that neither the fingerprint nor an error message knows of. */
const COMPILER_OPTIONS = { defineVariables: VARIABLES, enableIncludes: false };

type YaraX = typeof import('@litko/yara-x');

export class RuleEngine {
  readonly #rules: ReturnType<YaraX['compile']>;

  private constructor(rules: ReturnType<YaraX['compile']>) {
    this.#rules = rules;
    this.#rules.setMaxMatchesPerPattern(MAX_MATCHES);
  }

  /**
   * Compiles rule files into one engine; some 10 ms for a few rules, half a second for 2,000.
   * @throws {EngineError} `ERR_PLUGIN_OPTIONS` with file and compiler message; `ERR_SCAN_UNAVAILABLE`
   *         where yara-x has no build for this platform
   */
  static compile(files: readonly RuleFile[]): RuleEngine {
    const yara = loadYara();
    try {
      return new RuleEngine(yara.compile(files.map(({ source }) => source).join('\n'), COMPILER_OPTIONS));
    } catch (error) {
      throw blame(yara, files, error);
    }
  }

  /**
   * Scans one window of a content; blocks the thread.
   * @param offset where the window begins in the content: rules read it as `weir_offset`
   * @returns the first rule that matches
   */
  scan(window: Buffer, offset: number): Hit | null {
    const [match] = this.#rules.scan(window, { weir_offset: String(offset) });
    if (match === undefined) return null;
    const meta = match.meta as { threat?: unknown; severity?: unknown };
    const severity = (['low', 'medium', 'critical'] as const).find((level) => level === meta.severity);
    return {
      rule: match.ruleIdentifier,
      threat: typeof meta.threat === 'string' ? meta.threat : match.ruleIdentifier,
      severity: severity ?? 'high',
    };
  }
}

function loadYara(): YaraX {
  try {
    return createRequire(import.meta.url)('@litko/yara-x') as YaraX;
  } catch (error) {
    const place = `${process.platform}-${process.arch}`;
    throw new EngineError(
      'ERR_SCAN_UNAVAILABLE',
      `@litko/yara-x cannot be loaded on ${place}: install the optional dependencies (npm install), or ` +
        `run on Linux x64 (glibc) or macOS, or leave the antivirus plugin out. ${String(error)}`,
    );
  }
}

/** Finds the file that does not compile, alone or together with those before it. */
function blame(yara: YaraX, files: readonly RuleFile[], cause: unknown): EngineError {
  let before = '';
  for (const { file, source } of files) {
    const [problem] = yara.validate(source, COMPILER_OPTIONS).errors;
    if (problem !== undefined) return new EngineError('ERR_PLUGIN_OPTIONS', `${file}: ${problem.message}`);
    before += `${source}\n`;
    const [clash] = yara.validate(before, COMPILER_OPTIONS).errors;
    if (clash !== undefined) return new EngineError('ERR_PLUGIN_OPTIONS', `${file}: ${clash.message}`);
  }
  return new EngineError('ERR_PLUGIN_OPTIONS', String((cause as { message?: unknown }).message ?? cause));
}
