// The setup site of a running proxy: what it says of the CA, the listeners and the dashboard that are in force
// at the moment somebody asks. What it looks like is src/pages.

import { X509Certificate } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { subjectOf } from '../ca/authority.ts';
import type { CertificateAuthority } from '../ca/authority.ts';
import { pemBlocks } from '../ca/bundle.ts';
import { trustFiles } from '../ca/trust-files.ts';
import type { ProxyListener } from '../config/types.ts';
import { proxyPac } from '../pac/proxy-pac.ts';
import type { PacProxy } from '../pac/proxy-pac.ts';
import { SETUP_HOST, setupReply } from '../pages/setup-site.ts';
import type { SetupFacts, SetupReply, SetupRequest } from '../pages/setup-site.ts';
import { formatAuthority } from '../util/authority.ts';

/** A listener, with the port that it really has. */
interface OpenListener {
  readonly listener: Pick<ProxyListener, 'host' | 'mode' | 'tls' | 'proxyProtocol'>;
  readonly port: number;
}

/** What the site tells of. */
export interface SetupSource {
  readonly authority: CertificateAuthority;
  readonly listeners: readonly OpenListener[];
  /** Host patterns that proxy.pac sends past the proxy. */
  readonly direct: readonly string[];
}

/** Shown where clients only come in by redirection, and need no address. */
const NOWHERE: PacProxy = { scheme: 'http', host: '127.0.0.1', port: 8080 };

type OfCa = Pick<SetupFacts, 'certificates' | 'checkable' | 'files'>;

export class SetupSite {
  /** For visitors that come through the proxy. */
  readonly serve = (request: SetupRequest): SetupReply | null => this.reply(request, null);
  readonly #source: () => SetupSource;
  #made: { authority: CertificateAuthority; facts: OfCa } | null = null;

  /** @param source  what is in force, asked for each reply */
  constructor(source: () => SetupSource) {
    this.#source = source;
  }

  /**
   * @param seenAs  host by which the visitor reaches this machine; null: not known
   * @returns null for a path that is none of the site's
   */
  reply(request: SetupRequest, seenAs: string | null): SetupReply | null {
    const { authority, listeners, direct } = this.#source();
    const proxies = pacProxies(listeners, seenAs);
    const { scheme, host, port } = proxies[0] ?? NOWHERE;
    const place = {
      proxyUrl: `${scheme}://${formatAuthority(host, port)}`,
      proxyHost: host,
      proxyPort: port,
    };
    const pac = proxyPac(proxies, SETUP_HOST, direct);
    return setupReply({ ...this.#ofCa(authority), place, pac }, request);
  }

  /** Made once for each authority. */
  #ofCa(authority: CertificateAuthority): OfCa {
    if (this.#made?.authority !== authority) this.#made = { authority, facts: factsOf(authority) };
    return this.#made.facts;
  }
}

function factsOf(authority: CertificateAuthority): OfCa {
  const certificates = pemBlocks(authority.trustPem).map((pem) => {
    const x509 = new X509Certificate(pem);
    return {
      subject: subjectOf(x509),
      fingerprint: x509.fingerprint256,
      notAfter: new Date(x509.validTo),
    };
  });
  return { certificates, checkable: authority.permits(SETUP_HOST), files: trustFiles(authority.trustPem) };
}

/** Ways to the proxy that a client can be told of: HTTP first, as every client speaks it. */
export function pacProxies(listeners: readonly OpenListener[], seenAs: string | null): readonly PacProxy[] {
  const ways = listeners
    .filter(({ listener }) => listener.mode !== 'transparent' && listener.proxyProtocol === null)
    .map(({ listener, port }): PacProxy => {
      const scheme = listener.mode === 'socks5' ? 'socks5' : listener.tls === null ? 'http' : 'https';
      return { scheme, host: reachedAt(listener.host, seenAs), port };
    });
  const order = ['http', 'https', 'socks5'];
  return ways.sort((one, other) => order.indexOf(one.scheme) - order.indexOf(other.scheme));
}

/** Host for one that is listened on: for the unspecified address what the visitor uses, or our own first. */
function reachedAt(host: string, seenAs: string | null): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  return seenAs ?? firstAddress() ?? '127.0.0.1';
}

/** An address of this machine that others may reach; one of IPv4, if there is one. */
function firstAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80'));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}
