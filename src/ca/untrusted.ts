// Leafs that no client is to trust: they stand in for certificates of origins that could not be verified, so
// that the browser warns as it would without a proxy. Signed by a CA that lives in this process's memory
// and whose certificate nobody gets. Names and validity are the origin's.

import type { X509Certificate } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

import { LRUCache } from 'lru-cache';

import { TLS_SERVER_SETTINGS } from '../tls/server-settings.ts';
import * as der from './der.ts';
import type { LeafIssuer } from './leaf.ts';
import { certify, leafName, processLeafKey } from './leaf.ts';
import { DAY_MS, keyIdentifierOf } from './root.ts';

const MAX_KEPT = 200; // contexts
const MAX_NAMES = 100;
const MAX_COMMON_NAME = 64; // characters
const ISSUER = 'Weir: the certificate of the site is not trusted';

export class UntrustedLeafs {
  readonly #issuer: LeafIssuer;
  readonly #contexts = new LRUCache<string, SecureContext>({ max: MAX_KEPT });
  #keyPem: string | null = null;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#issuer = {
      key: privateKey,
      issuer: { name: der.encode(der.commonName(ISSUER)), keyIdentifier: keyIdentifierOf(publicKey) },
      notAfter: new Date(Date.now() + 3_650 * DAY_MS),
      certificatePath: 'the CA of untrusted leafs',
    };
  }

  /**
   * A context with a leaf that looks like this certificate.
   * @param asked  name that the client asked for, where the certificate bears none that can be certified
   */
  contextFor(origin: X509Certificate, asked: string): SecureContext {
    const key = `${origin.fingerprint256} ${asked}`;
    const kept = this.#contexts.get(key);
    if (kept !== undefined) return kept;
    const { names, commonName } = namesOf(origin);
    const leafKey = processLeafKey();
    const leaf = certify(
      this.#issuer,
      {
        names: names.length > 0 ? names : [leafName(asked)],
        commonName,
        notBefore: new Date(origin.validFrom),
        notAfter: new Date(origin.validTo),
      },
      leafKey,
    );
    this.#keyPem ??= leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const context = createSecureContext({
      ...TLS_SERVER_SETTINGS,
      ca: [],
      cert: leaf.pem,
      key: this.#keyPem,
    });
    this.#contexts.set(key, context);
    return context;
  }
}

/** Names of a stranger's certificate that can be certified again. */
function namesOf({ subject, subjectAltName }: X509Certificate): {
  names: string[];
  commonName: string | null;
} {
  const commonName = /^CN=(.+)$/m.exec(subject ?? '')?.[1]?.slice(0, MAX_COMMON_NAME) ?? null;
  const found = [...(subjectAltName ?? '').matchAll(/(?:^|, )(?:DNS|IP Address):([^,"]+)/g)].map(
    ([, name]) => name!,
  );
  if (found.length === 0 && commonName !== null) found.push(commonName);
  const names = new Set<string>();
  for (const name of found.slice(0, MAX_NAMES)) {
    try {
      names.add(leafName(isIP(name) === 0 ? name : name.toLowerCase()));
    } catch {
      // Not a name that a client could ask for.
    }
  }
  return { names: [...names], commonName };
}
