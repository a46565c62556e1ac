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
export { fieldValue } from './icap/codec/fields.ts';
export type { RawHeaders, RequestHead, ResponseHead } from './icap/codec/http-head.ts';
export { attachIcap } from './embed/attach.ts';
export type { HttpProxyServer } from './embed/attach.ts';
export type { WeirConfig } from './embed/config-input.ts';
export { createGateway, createProxy } from './embed/create.ts';
export type { EmbeddedWeir, EmbedOptions, ProxyOptions } from './embed/create.ts';
export { IcapClient } from './embed/icap-client.ts';
export type {
  HeadersInput,
  IcapMessageInput,
  IcapRequestInput,
  IcapResponseInput,
  IcapResult,
  IcapServiceOptions,
} from './embed/icap-client.ts';
export { icapMiddleware } from './embed/middleware.ts';
export type { IcapMiddleware } from './embed/middleware.ts';
export type { BodyInput } from './embed/node-streams.ts';
export type { IcapTlsOptions } from './icap/client/connector.ts';
export type { IcapConnectionOptions, IcapPolicyOptions } from './embed/policy.ts';
export type { GatewayRecord, ProxyRecord, ThreatRecord } from './telemetry/records.ts';
export { startWeir } from './start.ts';
export type { ReloadResult, RunningWeir } from './app.ts';
export type { GatewaySupervisor } from './gateway/workers/supervisor.ts';
export type { PoolEvents, PoolStatus, WorkerStatus } from './gateway/workers/messages.ts';
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
