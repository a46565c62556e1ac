// Hooks on the proxy's side: what they see and may answer. When they are asked is src/proxy/hooks.

import type { RawHeaders } from '../../icap/codec/http-head.ts';
import type { AllowVerdict, BlockVerdict, ModifyVerdict } from './verdict.ts';

/** Who is behind what a hook sees. */
export interface HookClient {
  readonly ip: string;
  /** Logged-in user; null where nobody has logged in. */
  readonly user: string | null;
}

/** A tunnel that is asked for: CONNECT, SOCKS, or a redirected connection. */
export interface ConnectEvent {
  readonly client: HookClient;
  readonly host: string;
  readonly port: number;
}

/** A request before any service has seen it. */
export interface RequestEvent {
  readonly client: HookClient;
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** End-to-end fields: name, value, name, value … */
  readonly headers: RawHeaders;
}

/** A response before any service has seen it, with the request as it went to the origin. */
export interface ResponseEvent {
  readonly client: HookClient;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly headers: RawHeaders;
}

/** A whole message of a WebSocket, or, past `adaptation.webSocket.maxMessage`, one window of it. */
export interface WebSocketMessageEvent {
  readonly client: HookClient;
  /** Of the handshake, with http or https. */
  readonly url: string;
  /** `outgoing`: from the client. */
  readonly direction: 'outgoing' | 'incoming';
  readonly type: 'text' | 'binary';
  /** Do not change it. */
  readonly data: Buffer;
}

/** Nothing (or `allow()`): it goes on as it is. `block(…)`: refused, with a page or a close frame. */
export type Refusal = AllowVerdict | BlockVerdict | undefined | void;
/** Also `modify({ headers })`; for a request `target`, an absolute URL, too. */
export type HeadDecision = Refusal | ModifyVerdict;
/** Also `modify({ body })`. */
export type MessageDecision = Refusal | ModifyVerdict;

type Maybe<T> = T | Promise<T>;

/**
 * What a plugin hooks into the proxy: at least one of the functions. Several plugins are asked in the order of
 * the configuration, each with what those before it have made; the first block decides. A throw, an answer of a
 * kind that does not fit, and more than `timeoutMs` refuse the message (ERR_PLUGIN_HOOK).
 */
export interface ProxyHook {
  /** Milliseconds for each call. Default 5000. */
  readonly timeoutMs?: number;
  onConnect?(event: ConnectEvent, signal: AbortSignal): Maybe<Refusal>;
  onRequest?(event: RequestEvent, signal: AbortSignal): Maybe<HeadDecision>;
  onResponse?(event: ResponseEvent, signal: AbortSignal): Maybe<HeadDecision>;
  onWebSocketMessage?(event: WebSocketMessageEvent, signal: AbortSignal): Maybe<MessageDecision>;
}

/** A hook that was registered. */
export interface RegisteredHook {
  readonly plugin: string;
  readonly hook: ProxyHook;
}

export const HOOK_POINTS = ['onConnect', 'onRequest', 'onResponse', 'onWebSocketMessage'] as const;
