// Who else hears of incidents and transactions, as resolved from `log.syslog` and `webhooks`.

export interface SyslogUrl {
  transport: 'udp' | 'tcp' | 'tls';
  /** Without brackets. */
  host: string;
  port: number;
}

export interface SyslogConfig extends SyslogUrl {
  format: 'json' | 'cef' | 'leef';
  send: ('incidents' | 'gateway' | 'proxy')[];
  facility: `local${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}` | 'user' | 'daemon' | 'auth' | 'authpriv' | 'audit';
  framing: 'octet-counting' | 'newline';
  hostName: string;
  maxBytes: number;
  maxQueue: number;
  tls: { ca: string[]; cert: string | null; key: string | null; verify: boolean; serverName: string | null };
}

export interface WebhookConfig {
  name: string;
  url: string;
  secret: string;
  events: ('block' | 'background' | 'continued')[];
  folder: string;
  /** PEM files. */
  ca: string[];
  timeoutMs: number;
  maxEntries: number;
  maxBytes: number;
  maxAgeMs: number;
}
