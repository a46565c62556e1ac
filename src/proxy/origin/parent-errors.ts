// What went wrong with a parent proxy, as errors that name the parent and the target and nothing secret.

import { HttpError, printable, reasonOf } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { OriginTarget } from './engine.ts';
import type { Parent } from './parents.ts';

/** After these the next parent is tried: this one cannot carry anything, or not this. */
const NEXT: readonly ErrorCode[] = ['ERR_PARENT_UNAVAILABLE', 'ERR_PARENT_TIMEOUT', 'ERR_PARENT_TLS'];

/** The parent itself does not work. */
export function isParentDown(error: unknown): boolean {
  return NEXT.includes((error as HttpError).code);
}

/** Another parent may do better. */
export function mayGoElsewhere(error: unknown): boolean {
  return isParentDown(error) || (error as HttpError).code === 'ERR_PARENT_STATUS';
}

export function parentError(
  code: ErrorCode,
  parent: Parent,
  { host, port }: OriginTarget,
  what: string,
  cause?: unknown,
): HttpError {
  const text = `the parent proxy ${parent.label} ${what}`;
  return new HttpError(code, text, { parent: parent.label, host, port }, cause);
}

/** The error of a socket to a parent, before anything was asked of it. */
export function asParentError(error: NodeJS.ErrnoException, parent: Parent, target: OriginTarget): HttpError {
  const code = error.code ?? '';
  const text = reasonOf(error);
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|^ERR_SSL|^ERR_TLS|EPROTO|INVALID_|HOSTNAME_/.test(code)) {
    return parentError(
      'ERR_PARENT_TLS',
      parent,
      target,
      `could not be verified or spoken to: ${text}`,
      error,
    );
  }
  if (code === 'ETIMEDOUT') return parentTimeout(parent, target);
  return parentError('ERR_PARENT_UNAVAILABLE', parent, target, `cannot be reached: ${text}`, error);
}

export function parentTimeout(parent: Parent, target: OriginTarget): HttpError {
  return parentError('ERR_PARENT_TIMEOUT', parent, target, 'did not answer in time');
}

/** What a parent answered to CONNECT instead of opening the tunnel. */
export function asRefusal(status: number, reason: string, parent: Parent, target: OriginTarget): HttpError {
  if (status === 407) return parentDemandsLogin(parent, target);
  const said = `${status} ${printable(reason)}`.trimEnd();
  const place = formatAuthority(target.host, target.port);
  const code = status >= 500 ? 'ERR_PARENT_STATUS' : 'ERR_PARENT_REFUSED';
  return parentError(code, parent, target, `answered ${said} for ${place}`);
}

export function parentDemandsLogin(parent: Parent, target: OriginTarget): HttpError {
  const what =
    parent.options.credentials === null
      ? 'asks for a user and password, and none is configured'
      : 'does not accept the configured user and password';
  return parentError('ERR_PARENT_AUTH', parent, target, what);
}
