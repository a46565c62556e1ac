// The exit codes of every command, and which error leads to which.

import type { ErrorCode } from '../errors.ts';

export const EXIT_OK = 0;
/** Failed at run time. */
export const EXIT_FAILED = 1;
/** Wrong usage or configuration: trying again without a change is pointless. */
export const EXIT_USAGE = 2;

/** Exit code of a failure that Weir names. */
export function exitCodeOf(code: ErrorCode): number {
  const setUp = /^ERR_(CONFIG|CA)_|^ERR_LISTEN$|^ERR_PLUGIN_(LOAD|OPTIONS)$/;
  return setUp.test(code) ? EXIT_USAGE : EXIT_FAILED;
}
