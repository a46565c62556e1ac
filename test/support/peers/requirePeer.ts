// Finds the command of a foreign program, or says how to install it. Free of jest, so that benches can
// start peers too; what a test suite does without its peer is describeWithPeer.ts.

import { findCommand, hasPeer, PEERS } from './find.mjs';

export type PeerName =
  | 'c-icap'
  | 'c-icap-client'
  | 'c-icap-stretch'
  | 'virus_scan'
  | 'url_check'
  | 'content_filtering'
  | 'squid'
  | 'e2guardian'
  | 'clamd'
  | 'clamav-testfiles'
  | '7z'
  | 'cpio'
  | 'gcab'
  | 'arj'
  | 'msibuild'
  | 'genisoimage'
  | 'nginx'
  | 'haproxy'
  | 'microsocks'
  | 'rsyslogd'
  | 'curl'
  | 'htpasswd'
  | 'jq'
  | 'script'
  | 'openssl'
  | 'git'
  | 'krb5kdc'
  | 'kadmin.local'
  | 'kinit'
  | 'apt-get'
  | 'wget'
  | 'tshark'
  | 'java'
  | 'gsettings'
  | 'keytool'
  | 'requests'
  | 'testssl'
  | 'zip'
  | 'certutil'
  | 'chromium'
  | 'firefox';

/**
 * Absolute path of a peer's command.
 * @throws {Error} naming the Debian package when it is not installed
 */
export function requirePeer(name: PeerName): string {
  const peer = PEERS[name];
  const command = peer?.command === undefined ? null : findCommand(peer.command);
  if (command === null || !hasPeer(name)) throw new Error(missingPeersText([name]));
  return command;
}

/** One line that names what was not found and the command that installs it. */
export function missingPeersText(names: readonly PeerName[]): string {
  const packages = [...new Set(names.map((name) => PEERS[name]?.package ?? name))];
  return `${names.join(', ')} not found; install with: apt-get install ${packages.join(' ')}`;
}
