// `onCertError: mirror`: looks at the origin before the client's handshake is answered, and shows the client
// a certificate that it will not trust where ours did not trust the origin's. What was seen is remembered
// for a while, so that a page with six tunnels looks once. A user who goes on past the browser's warning
// gets to an origin with that very certificate, and no other.

import type { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { UntrustedLeafs } from '../ca/untrusted.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { LeafChoice } from './certificate-policy.ts';
import type { OriginConnector } from './origin/connector.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { CertificateReport } from './origin/verification-report.ts';
import { reportOf } from './origin/verification-report.ts';

const MAX_ORIGINS = 1_000;
const GOOD_MS = 600_000;
const BAD_MS = 60_000; // shorter: the site may be mended meanwhile
const LINGER_MS = 1_000; // for the session that TLS 1.3 sends behind the handshake

/** What was seen of an origin; `bad` null: nothing wrong, or nothing at all. */
interface Seen {
  readonly bad: X509Certificate | null;
  readonly until: number;
}

let untrusted: UntrustedLeafs | null = null;

export class CertificateMirror {
  readonly #connector: OriginConnector;
  readonly #telemetry: Telemetry;
  readonly #seen = new LRUCache<string, Seen>({ max: MAX_ORIGINS });
  readonly #looking = new Map<string, Promise<Seen>>();

  constructor(connector: OriginConnector, telemetry: Telemetry) {
    this.#connector = connector;
    this.#telemetry = telemetry;
  }

  /** @returns null where a leaf of our own CA is right. Never rejects */
  leafFor(asked: string, target: OriginTarget): LeafChoice | null | Promise<LeafChoice | null> {
    const key = `${target.host} ${target.port} ${target.serverName}`;
    const seen = this.#seen.get(key);
    if (seen !== undefined && performance.now() < seen.until) return choiceFor(seen, asked);
    let looking = this.#looking.get(key);
    if (looking === undefined) {
      looking = this.#look(target).then((found) => {
        this.#looking.delete(key);
        this.#seen.set(key, found);
        return found;
      });
      this.#looking.set(key, looking);
    }
    return looking.then((found) => choiceFor(found, asked));
  }

  /** What was seen is not so any more. */
  forget({ host, port, serverName }: CertificateReport): void {
    this.#seen.delete(`${host} ${port} ${serverName}`);
  }

  async #look(target: OriginTarget): Promise<Seen> {
    try {
      const socket = await this.#connector.connect(target);
      const close = (): void => void socket.destroy();
      socket.once('session', close);
      setTimeout(close, LINGER_MS).unref();
      return { bad: null, until: performance.now() + GOOD_MS };
    } catch (error) {
      const report = reportOf(error);
      const bad = report?.chain[0] ?? null;
      // An origin that cannot be reached now is looked at again by the next tunnel.
      if (report === null || bad === null) return { bad: null, until: 0 };
      const { host, port, fingerprint256, faults } = report;
      const facts = {
        host,
        port,
        fingerprint: fingerprint256,
        faults: faults.map(({ code }) => code).join(' '),
      };
      this.#telemetry.event(
        'warn',
        'the certificate of a site is mirrored to clients as one to distrust',
        facts,
      );
      return { bad, until: performance.now() + BAD_MS };
    }
  }
}

function choiceFor({ bad }: Seen, asked: string): LeafChoice | null {
  if (bad === null) return null;
  untrusted ??= new UntrustedLeafs();
  const context = untrusted.contextFor(bad, asked);
  return { context: () => context, acceptedCertificate: bad.fingerprint256 };
}
