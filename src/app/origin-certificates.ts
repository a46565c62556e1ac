// What the configuration says about the certificates of origins, with the files that it names.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { UpstreamConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { MAX_CRL } from '../proxy/origin/verification-crl.ts';
import type { VerificationOptions } from '../proxy/origin/verification.ts';
import type { Telemetry } from '../telemetry/records.ts';

export interface OriginCertificates {
  readonly verification: VerificationOptions;
  /** Differs where what the files hold differs. */
  readonly key: readonly string[];
}

/** @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`: a file of proxy.upstream.crls */
export function readOriginCertificates(upstream: UpstreamConfig, telemetry: Telemetry): OriginCertificates {
  const crls = upstream.crls.map((path, index) => readList(path, `proxy.upstream.crls[${index}]`));
  const { completeChains, revocation } = upstream;
  return {
    verification: {
      completeChains,
      revocation,
      crls,
      onProblem: (message) => telemetry.event('warn', message, {}),
    },
    key: crls.map((bytes) => createHash('sha256').update(bytes).digest('hex')),
  };
}

function readList(path: string, name: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MAX_CRL) {
      const message = `${name}: ${path} has ${size} bytes, at most ${MAX_CRL} are taken`;
      throw new ConfigError('ERR_CONFIG_VALUE', message, { path });
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `${name}: ${messageOf(error)}`, { path }, error);
  }
}
