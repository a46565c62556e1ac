// What the bench knows of a peer under test, and of the run that it is started in.
import type { Server } from '../host/child.ts';
import type { Certificates } from '../lab/certificates.ts';
import type { Origin } from '../lab/origin.ts';
import type { PeerId } from '../works.ts';

export interface Run {
  /** Temporary folder of the peer; it does not exist yet. */
  readonly folder: string;
  readonly certificates: Certificates;
  readonly origin: Origin;
  /** How many unique names the works may use up, for a peer that must be told them. */
  readonly names: number;
  /** Start Weir under the CPU profiler. */
  readonly profile: boolean;
}

export interface Peer {
  readonly id: PeerId;
  readonly port: number;
  /** PEM file with the CA that clients must trust. */
  readonly ca: string;
  /** The proxy's own process, whose memory an idle tunnel occupies. */
  readonly proxy: Server;
  /** Every server of the peer, the proxy among them: CPU time is counted over all. */
  readonly servers: readonly Server[];
  /** Where its CPU profiles appear once it has stopped. */
  readonly profileFolder?: string;
  stop(): Promise<void>;
}
