// The two halves of Weir inside another program: what `weir proxy` and `weir gateway` start, from an object
// with the keys of weir.yaml.

import type { Halves, ReloadResult, RunningWeir } from '../app.ts';
import type { RecordHooks } from '../app/record-tap.ts';
import { checkConfigObject } from '../config/load.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { startWeir } from '../start.ts';
import type { WeirConfig } from './config-input.ts';

export interface EmbedOptions extends RecordHooks {
  /** What relative paths of the configuration are seen from. Default: the working directory. */
  readonly folder?: string;
}

export interface ProxyOptions extends EmbedOptions {
  /** True: the gateway runs too, as with `weir start`, and the proxy reaches it without a socket. Default false. */
  readonly gateway?: boolean;
}

/** One or both halves; not started until `listen`. */
export class EmbeddedWeir implements AsyncDisposable {
  readonly #halves: Halves;
  readonly #options: EmbedOptions;
  #config: ResolvedConfig;
  #running: RunningWeir | null = null;
  #starting: Promise<RunningWeir> | null = null;

  /** @throws {ConfigError} with everything that is wrong with the configuration */
  constructor(config: WeirConfig, halves: Halves, options: EmbedOptions) {
    this.#halves = halves;
    this.#options = options;
    this.#config = checked(config, options);
  }

  /**
   * Starts. Calling it again changes nothing.
   * @throws {WeirError} `ERR_LISTEN`, `ERR_CA_…`, `ERR_PLUGIN_…`, `ERR_CONFIG_…`; nothing is left running then
   */
  async listen(): Promise<this> {
    this.#starting ??= startWeir(this.#config, this.#halves, this.#options);
    try {
      this.#running = await this.#starting;
    } catch (error) {
      this.#starting = null;
      throw error;
    }
    return this;
  }

  /** `host:port` of each listener of the proxy, with the port that it really has; empty before `listen`. */
  get addresses(): readonly string[] {
    return this.#running?.proxyAddresses ?? [];
  }

  /** The same of `proxy.reverse`. */
  get reverseAddresses(): readonly string[] {
    return this.#running?.reverseAddresses ?? [];
  }

  /** The same of the gateway; `icaps://host:port` where TLS is spoken. */
  get gatewayAddresses(): readonly string[] {
    return this.#running?.gatewayAddresses ?? [];
  }

  /** PEM file of the certificate authority that clients of the proxy must trust; null without a proxy. */
  get caPath(): string | null {
    return this.#running?.ca?.path ?? null;
  }

  /** What is allowed but probably not meant, a sentence each. */
  get warnings(): readonly string[] {
    return this.#running?.warnings ?? [];
  }

  /**
   * Takes over another configuration while it runs; what is under way finishes as it began.
   * @throws {WeirError} as `listen`; nothing has changed then
   */
  async reload(config: WeirConfig): Promise<ReloadResult> {
    const next = checked(config, this.#options);
    const result = (await this.#running?.reload(next)) ?? { applied: [], needsRestart: [], warnings: [] };
    this.#config = next;
    return result;
  }

  /** Stops listening, lets what is under way finish for `graceMs` (default `shutdown.grace`), cuts the rest. */
  async close(graceMs: number = this.#config.shutdown.graceMs): Promise<void> {
    const starting = this.#starting;
    this.#starting = this.#running = null;
    const running = await starting?.catch(() => null);
    await running?.stop(graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close(0);
  }
}

/**
 * A forward proxy with interception, as `weir proxy`: `await createProxy({ proxy: { listen: '127.0.0.1:0' } }).listen()`.
 * Logs nothing unless the configuration has a `log` section; see `onRecord`.
 *
 * @param config  keys and values of weir.yaml
 * @throws {ConfigError} `ERR_CONFIG_…` with everything that is wrong, each with its path
 */
export function createProxy(config: WeirConfig = {}, options: ProxyOptions = {}): EmbeddedWeir {
  return new EmbeddedWeir(config, { proxy: true, gateway: options.gateway === true }, options);
}

/**
 * An ICAP server with the scanning services, as `weir gateway` in one process.
 * @param config  as for `createProxy`; worker processes start where `gateway.workers` is given
 * @throws {ConfigError} as `createProxy`
 */
export function createGateway(config: WeirConfig = {}, options: EmbedOptions = {}): EmbeddedWeir {
  return new EmbeddedWeir(config, { proxy: false, gateway: true }, options);
}

/** A host program is one process, and its standard output its own, unless it says otherwise. */
function checked(config: WeirConfig, { folder }: EmbedOptions): ResolvedConfig {
  const {
    log = { level: 'silent' },
    trace = { enabled: false },
    dashboard = { listen: null },
    gateway,
  } = config;
  const workers = gateway?.['workers'] ?? { min: 0 };
  return checkConfigObject({ ...config, log, trace, dashboard, gateway: { ...gateway, workers } }, folder)
    .config;
}
