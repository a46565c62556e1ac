// The resolved configuration of the ways into the proxy and of who may use them.

import type { ListenAddress, Network } from './addresses.ts';

export interface ProxyListener extends ListenAddress {
  mode: 'auto' | 'http' | 'socks5' | 'transparent';
  tls: ProxyListenerTls | null;
  /** Networks of balancers that send a PROXY header; null: none is expected. */
  proxyProtocol: Network[] | null;
  /** Clients log in here, where `auth` says so at all. */
  auth: boolean;
}

export interface ProxyListenerTls {
  /** PEM files; both or neither. Null: a certificate of Weir's own CA. */
  cert: string | null;
  key: string | null;
  /** Further names in that one. */
  names: string[];
  /** PEM file. */
  clientCa: string | null;
}

/** At least one of them. */
export interface ProxyAuthConfig {
  negotiate: Pick<HelperConfig, 'command' | 'children' | 'timeoutMs' | 'folder'> | null;
  /** Scheme of a plugin's authenticator. */
  plugin: string | null;
  basic: ProxyBasicConfig | null;
  /** File of groups. */
  groups: string | null;
  clientCertificate: { user: 'commonName' | 'email' | 'dns' | 'subject' } | null;
}

/** Either `file` or `helper`. */
export interface ProxyBasicConfig {
  realm: string;
  file: string | null;
  helper: HelperConfig | null;
}

export interface HelperConfig {
  /** Program and arguments; a program that is a path is absolute. */
  command: string[];
  children: number;
  timeoutMs: number;
  rememberMs: number;
  /** Working directory: that of the configuration. */
  folder: string;
}

export interface ProxyClientsConfig {
  /** Null: everybody who reaches a listener. */
  allow: Network[] | null;
  /** Of one client; null: no limit. */
  connections: number | null;
  /** Likewise. */
  requestsPerSecond: number | null;
  /** Requests that may come at once; of no meaning without a rate. */
  burst: number;
}
