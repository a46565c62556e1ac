// The text of ca.pem: the CA, the certificates above it, and behind a mark those that clients are to trust
// besides while one CA takes over from another. Programs that read the file see PEM blocks only.

const MARK = '# weir: to be trusted besides';
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

export interface Bundle {
  /** The CA and what is above it. */
  readonly chain: string;
  /** One PEM text a certificate. */
  readonly besides: readonly string[];
}

export function splitBundle(text: string): Bundle {
  const at = text.indexOf(MARK);
  if (at < 0) return { chain: text, besides: [] };
  return { chain: text.slice(0, at), besides: pemBlocks(text.slice(at)).map((block) => `${block}\n`) };
}

export function joinBundle({ chain, besides }: Bundle): string {
  if (besides.length === 0) return chain;
  return `${chain.trimEnd()}\n${MARK}\n${besides.map((pem) => `${pem.trimEnd()}\n`).join('')}`;
}

/** Certificates in a text, without what stands around them. */
export function pemBlocks(text: string): string[] {
  return text.match(BLOCK) ?? [];
}
