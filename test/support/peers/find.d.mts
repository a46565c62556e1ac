// Types of find.mjs.

export interface Peer {
  readonly package: string;
  readonly command?: string;
  readonly file?: string;
  readonly cIcapModule?: string;
}
export const PEERS: Readonly<Record<string, Peer>>;
export function findCommand(command: string): string | null;
export function findCIcapModules(): string | null;
export function hasPeer(name: string): boolean;
export function missingPeers(): string[];
