// The certificate authority of the proxy, read anew at each reload. Leafs that were minted stay as long as
// it is the same one.

import { CertificateAuthority } from '../ca/authority.ts';
import { LeafContexts } from '../ca/leaf-cache.ts';
import type { CaPart } from './running.ts';

/**
 * Reads the authority of a folder; in a folder that was not in use before it is made if it is not there.
 * @param before  what is in force, or null at the start
 * @throws {TlsError} `ERR_CA_UNREADABLE`, also when the files in use have gone; `ERR_CA_INVALID`
 */
export async function loadCa(folder: string, before: CaPart | null): Promise<CaPart> {
  const { ca, created } =
    before?.folder === folder
      ? { ca: await CertificateAuthority.load(folder), created: false }
      : await CertificateAuthority.loadOrCreate(folder);
  if (before !== null && before.authority.fingerprint256 === ca.fingerprint256) return { ...before, folder };
  return { folder, authority: ca, created, contexts: new LeafContexts(ca) };
}
