// The package's public surface. Plugins import from here; so does whoever embeds Weir.

export * from './plugin/api.ts';
export {
  ERRORS,
  ConfigError,
  HttpError,
  IcapError,
  PluginError,
  TlsError,
  WeirError,
  isWeirError,
  messageOf,
  printable,
} from './errors.ts';
export type { ErrorCode, ErrorFields } from './errors.ts';
export type { RawHeaders, RequestHead, ResponseHead } from './icap/codec/http-head.ts';
export { startWeir } from './app.ts';
export type { RunningWeir } from './app.ts';
export { loadConfig } from './config/load.ts';
export type { ResolvedConfig } from './config/types.ts';
export { IcapServer } from './icap/server/server.ts';
export type { IcapServerOptions } from './icap/server/server.ts';
export type {
  Adapted,
  IcapOutcome,
  IcapService,
  IcapServiceHost,
  IcapTransaction,
  ServiceDescription,
  Unmodified,
} from './icap/service.ts';
export { workerOptions } from './util/worker-url.ts';
export { WEIR_VERSION } from './util/version.ts';
