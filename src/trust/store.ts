// What a trust store is to `weir ca trust`: a place that says whether it trusts a certificate, and what would
// have to be done so that it does, or no longer does. The steps are data, so that they can be shown instead of
// taken; taking them is steps.ts, the stores are system-store.ts, nss-stores.ts and java-stores.ts.

import type { X509Certificate } from 'node:crypto';

export const STORE_KINDS = ['system', 'nss', 'java'] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** How a certificate that was put into a store is found again. */
export interface Mark {
  /** Our own name for it, the same in every store. */
  readonly name: string;
  /** SHA-256, hex pairs with colons. */
  readonly fingerprint: string;
  /** The same of SHA-1, which some stores go by. */
  readonly sha1: string;
}

/** One thing to do. */
export type Step =
  | { readonly do: 'write'; readonly file: string; readonly content: string }
  | { readonly do: 'remove'; readonly file: string }
  | { readonly do: 'folder'; readonly folder: string }
  | { readonly do: 'run'; readonly command: readonly [string, ...string[]] };

export interface TrustStore {
  readonly kind: StoreKind;
  /** For people: `system store`, `NSS database`, … */
  readonly label: string;
  /** File or folder that stands for it. */
  readonly place: string;
  /** This user may change it. */
  readonly writable: boolean;
  /** It trusts the certificate, whoever put it there. */
  trusts(certificate: X509Certificate): Promise<boolean>;
  /** It holds the certificate under our own name for it. */
  holds(mark: Mark): Promise<boolean>;
  install(mark: Mark, certificate: X509Certificate): readonly Step[];
  remove(mark: Mark): readonly Step[];
}

/** What was found of one kind. */
export interface Found {
  readonly stores: readonly TrustStore[];
  /** Why one is missing that should be there, and what to do; a sentence each. */
  readonly missing: readonly string[];
  /** What is left alone; a sentence each. */
  readonly notes: readonly string[];
}

/** Where stores are looked for. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly isRoot: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Put in front of `/etc`, `/usr` and `/snap` when looking for stores; '' but in tests. */
  readonly root: string;
}

export function nothingFound(): Found {
  return { stores: [], missing: [], notes: [] };
}
