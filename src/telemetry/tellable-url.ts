// URLs as they may leave this machine, in logs for others and in webhooks: without user and password, and
// without the values of parameters whose names say that they are secret.

import { withoutUserInfo } from '../trace/redaction.ts';

const MAX_URL = 2048; // characters
const SECRET_NAME = /pass|pwd|secret|token|key|auth|session|sid|sig|code|credential|jwt/i;

/** The URL without its secrets, at most 2048 characters. */
export function tellableUrl(url: string): string {
  const text = withoutUserInfo(url.slice(0, MAX_URL));
  const [rest = '', query] = splitAt(text.replace(/#.*$/s, ''), '?');
  if (query === null) return rest;
  const parts = query.split('&').map((part) => {
    const [name = '', value] = splitAt(part, '=');
    return value !== null && SECRET_NAME.test(name) ? `${name}=[redacted]` : part;
  });
  return `${rest}?${parts.join('&')}`;
}

function splitAt(text: string, mark: string): [string, string | null] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}
