// All checks in the order in which they run, and how a user chooses among them.

import { ConfigError, printable } from '../../errors.ts';
import { nearest } from '../../util/nearest.ts';
import { blockPageChecks } from './checks/block-page.ts';
import { chunkChecks } from './checks/chunks.ts';
import { compositionChecks } from './checks/composition.ts';
import { connectionChecks } from './checks/connection.ts';
import { echoChecks } from './checks/echo.ts';
import { errorChecks } from './checks/errors.ts';
import { grammarChecks } from './checks/grammar.ts';
import { istagChecks } from './checks/istag.ts';
import { limitChecks } from './checks/limits.ts';
import { loadChecks } from './checks/load.ts';
import { noContentChecks } from './checks/no-content.ts';
import { optionsChecks } from './checks/options.ts';
import { partialChecks } from './checks/partial.ts';
import { persistenceChecks } from './checks/persistence.ts';
import { previewChecks } from './checks/preview.ts';
import { returnedChecks } from './checks/returned.ts';
import { trailerChecks } from './checks/trailers.ts';
import { uriChecks } from './checks/uri.ts';
import { verdictChecks } from './checks/verdict.ts';
import type { Check } from './types.ts';
import { GROUPS } from './types.ts';

export const CHECKS: readonly Check[] = [
  ...connectionChecks,
  ...optionsChecks,
  ...istagChecks,
  ...echoChecks,
  ...returnedChecks,
  ...noContentChecks,
  ...previewChecks,
  ...partialChecks,
  ...chunkChecks,
  ...trailerChecks,
  ...grammarChecks,
  ...uriChecks,
  ...persistenceChecks,
  ...errorChecks,
  ...compositionChecks,
  ...verdictChecks,
  ...blockPageChecks,
  ...limitChecks,
  ...loadChecks,
];

/**
 * The checks of these ids and groups, in the order of the catalogue; all of them for an empty list.
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for a name that is neither, with the nearest that is
 */
export function selectChecks(only: readonly string[]): readonly Check[] {
  const known = [...GROUPS, ...CHECKS.map((check) => check.id)];
  for (const name of only) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    const hint = meant === null ? '--list shows all of them' : `did you mean ${meant}?`;
    throw new ConfigError('ERR_CONFIG_VALUE', `no check or group "${printable(name)}": ${hint}`);
  }
  if (only.length === 0) return CHECKS;
  return CHECKS.filter((check) => only.includes(check.id) || only.includes(check.group));
}
