// Why a client's handshake came to nothing, in the words that log, metrics and self-healing share, and the
// error that tells it with what mends it. RFC 8446 §6.2.

import { TlsError, reasonOf } from '../../errors.ts';
import type { ClientHello } from '../../tls/client-hello.ts';

/**
 * `cert-rejected`: the client says so in an alert. `closed`, `reset`: it went away without a word, as some do
 * that do not accept a certificate. `no-shared-cipher`: nor another parameter. `timeout`: it was too slow.
 */
export type HandshakeFailure =
  'cert-rejected' | 'closed' | 'reset' | 'no-shared-cipher' | 'protocol-version' | 'timeout' | 'other';

/** OpenSSL's names of the alerts by which a certificate is refused, as TLS calls them. */
const CERTIFICATE_ALERTS: readonly [RegExp, string][] = [
  [/ALERT_UNKNOWN_CA$/, 'unknown_ca'],
  [/ALERT_BAD_CERTIFICATE$/, 'bad_certificate'],
  [/ALERT_CERTIFICATE_UNKNOWN$/, 'certificate_unknown'],
  [/ALERT_CERTIFICATE_EXPIRED$/, 'certificate_expired'],
  [/ALERT_CERTIFICATE_REVOKED$/, 'certificate_revoked'],
  [/ALERT_UNSUPPORTED_CERTIFICATE$/, 'unsupported_certificate'],
];

const LEAST_VERSION = 0x0303;
const VERSIONS: Readonly<Record<number, string>> = {
  0x0300: 'SSL 3.0',
  0x0301: 'TLS 1.0',
  0x0302: 'TLS 1.1',
};

export interface FailedHandshake {
  readonly failure: HandshakeFailure;
  /** By which the client has refused the certificate; null: none came. */
  readonly alert: string | null;
  readonly error: TlsError;
}

/**
 * Classifies a handshake with a client that has failed.
 * @param known  what the caller knows already
 * @param hello  what the client had offered
 */
export function failedHandshake(
  thrown: unknown,
  hello: ClientHello,
  known?: 'closed' | 'timeout',
): FailedHandshake {
  const code = (thrown as { code?: string }).code ?? '';
  const alert = certificateAlert(code);
  const failure = known ?? (alert === null ? failureOf(code) : 'cert-rejected');
  const error = new TlsError(
    'ERR_TLS_HANDSHAKE',
    `handshake with the client failed: ${textOf(failure, alert, hello)}${reasonOf(thrown)}`,
    { cause: code, reason: failure },
    thrown,
  );
  return { failure, alert, error };
}

/** The alert behind an error of OpenSSL, by which a client refuses a certificate; null for any other. */
export function certificateAlert(code: string): string | null {
  return CERTIFICATE_ALERTS.find(([pattern]) => pattern.test(code))?.[1] ?? null;
}

function failureOf(code: string): HandshakeFailure {
  if (/^(?:ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)) return 'reset';
  if (/PROTOCOL|VERSION/.test(code)) return 'protocol-version';
  return /CIPHER|SIGNATURE|SIGALG|GROUP|CURVE/.test(code) ? 'no-shared-cipher' : 'other';
}

/** What comes before the words of OpenSSL. */
function textOf(failure: HandshakeFailure, alert: string | null, hello: ClientHello): string {
  if (failure === 'cert-rejected') {
    return `it rejected the certificate (${alert}; the client does not trust the Weir CA, or pins the site): `;
  }
  if (failure === 'protocol-version') return `${offered(hello)}, and Weir needs TLS 1.2 or later: `;
  if (failure === 'no-shared-cipher') return 'it offers no cipher, curve or signature that Weir has: ';
  return '';
}

function offered({ versions }: ClientHello): string {
  const best = Math.max(
    0,
    ...versions.filter((version) => version in VERSIONS || (version >= LEAST_VERSION && version <= 0x0304)),
  );
  return best in VERSIONS ? `it offers ${VERSIONS[best]} at most` : 'it offers no version in common';
}
