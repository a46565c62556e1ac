// What the log says of parent proxies: one line when one stops working, one when it works again.

import type { HttpError } from '../../errors.ts';
import type { Telemetry } from '../../telemetry/records.ts';
import type { Parent } from './parents.ts';

/** @param failure  null: it works again */
export function logParentHealth(telemetry: Telemetry, parent: Parent, failure: HttpError | null): void {
  const { label } = parent;
  if (failure === null)
    return telemetry.event('info', `the parent proxy ${label} works again`, { parent: label });
  const fields = { parent: label, code: failure.code };
  telemetry.event('warn', `${failure.message}: ${failure.remedy}`, fields);
}
