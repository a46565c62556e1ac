// Starts a peer by its id.
import type { PeerId } from '../works.ts';
import type { Peer, Run } from './peer.ts';
import { startSquid } from './squid.ts';
import { startWeir } from './weir.ts';

export function startPeer(id: PeerId, run: Run): Promise<Peer> {
  return id === 'squid' || id === 'squid-early' ? startSquid(id, run) : startWeir(id, run);
}
