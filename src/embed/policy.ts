// What an embedder says about adaptation, as options, and what an exchange needs of it: a pipeline of its
// own over ICAP clients. The configuration file has more (rules, groups); both end in AdaptationPipeline.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseIcapUrl } from '../config/addresses.ts';
import { checkConfigObject } from '../config/load.ts';
import { ConfigError } from '../errors.ts';
import { DEFAULT_SPOOL } from '../http/spool.ts';
import type { SpoolOptions } from '../http/spool.ts';
import type { IcapTlsOptions } from '../icap/client/connector.ts';
import { IcapServiceClient } from '../icap/client/service-client.ts';
import type { PlannedRule } from '../proxy/adaptation/chain.ts';
import type { Meters } from '../metrics/meters.ts';
import { AdaptationPipeline } from '../proxy/adaptation/pipeline.ts';
import { AdaptationStep } from '../proxy/adaptation/step.ts';
import { agentMatcher } from '../proxy/patience/settings.ts';
import type { PatienceSettings } from '../proxy/patience/settings.ts';
import { StreamAdaptation } from '../proxy/streams/stream-adaptation.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { TraceSink } from '../trace/notes.ts';
import { WEIR_VERSION } from '../util/version.ts';
import type { PartsMode } from './part-of-whole.ts';

/** How an ICAP server is reached. */
export interface IcapConnectionOptions {
  /** Longest silence of the server, in milliseconds. Default 30000. */
  readonly timeoutMs?: number;
  /** Time to a connection, TLS included, in milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Most bytes sent ahead for the server to decide on, 0 to 65536. Default: what its OPTIONS says. */
  readonly previewBytes?: number;
  /** Most connections at a time. Default: the server's Max-Connections, or 256. */
  readonly maxConnections?: number;
  /** For `icaps`, as PEM text: who vouches for the server, and a certificate of our own. */
  readonly tls?: IcapTlsOptions;
  /** Where bodies wait for a verdict. */
  readonly spool?: {
    /** Bytes of one body kept in memory before a file is used. Default 262144. */
    readonly memoryBytes?: number;
    /** Folder for the files. Default: the system's temporary folder. */
    readonly folder?: string;
  };
}

export interface IcapPolicyOptions extends IcapConnectionOptions {
  /** URL of the ICAP service for requests; of several, the next is asked when one fails. Default: none. */
  readonly reqmod?: string | readonly string[];
  /** The same for responses. */
  readonly respmod?: string | readonly string[];
  /** When every service fails: `block` (default) answers with an error page, `bypass` lets the message pass. */
  readonly onError?: 'block' | 'bypass';
  /**
   * Requests for a part of an object (Range) whose response a service is to judge. `whole` (default): the handler
   * is asked for all of it, and the client gets its part of what was judged; `strip`: the client gets all of it;
   * `fragment`: the handler's part is judged as it is; `block`: refused.
   */
  readonly ranges?: PartsMode;
  /**
   * Bodies that never end, such as event streams. `window` (default): judged piece by piece; `bypass`: pass
   * unseen; `block`: refused.
   */
  readonly streams?: 'window' | 'bypass' | 'block';
  /**
   * Downloads whose scan takes long: a few bytes a second go ahead of the verdict, so that clients do not give up,
   * and a block or a failure cuts them. Only of types that are of no use in part; never of pages, scripts or text.
   * Default: clients wait.
   */
  readonly trickle?: {
    /** Time that a scan may take before, in milliseconds. Default 3000. */
    readonly afterMs?: number;
    /** Bytes a second. Default 1024. */
    readonly rateBytes?: number;
    /** Bytes of the end that stay, at least 1; of bodies shorter than twice that, half. Default 65536. */
    readonly tailBytes?: number;
  };
  /** True for messages that are not sent to a service. */
  readonly skip?: (req: IncomingMessage, point: 'reqmod' | 'respmod', res: ServerResponse) => boolean;
  /** Name of the user, for services that ask for it. */
  readonly user?: (req: IncomingMessage) => string | null;
  /** Told once for each exchange, when it is over. */
  readonly onRecord?: (record: ProxyRecord) => void;
}

/** What an exchange is run by. */
export interface AdaptationPolicy {
  readonly pipeline: AdaptationPipeline;
  readonly streams: StreamAdaptation;
  /** What a request for a part of an object becomes. */
  readonly parts: PartsMode;
  skip(req: IncomingMessage, point: 'reqmod' | 'respmod', res: ServerResponse): boolean;
  user(req: IncomingMessage): string | null;
  /** Null: nobody wants records. */
  readonly onRecord: ((record: ProxyRecord) => void) | null;
  /** What clients get while a scan takes long; default: they wait. */
  readonly patience?: PatienceSettings | null;
  /** Takes traces; default: nobody. */
  readonly traces?: TraceSink | null;
  /** Counts for metrics; default: nobody. */
  readonly meters?: Meters | null;
}

export interface OpenPolicy extends AdaptationPolicy {
  /** Closes idle ICAP connections; messages under way are finished. */
  close(): void;
}

const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5000;
const HOLD_BYTES = 64 * 1024 * 1024; // as adaptation.hold
const MAX_PREVIEW = 64 * 1024; // bytes

/**
 * Makes the policy that options describe. Connects to nothing yet.
 * @throws {ConfigError} `ERR_CONFIG_…`: a URL, word or number that cannot be used, or neither point given
 */
export function policyOf(options: IcapPolicyOptions): OpenPolicy {
  const { reqmod, respmod, onError = 'block', skip, user, onRecord } = options;
  if (reqmod === undefined && respmod === undefined) {
    throw new ConfigError('ERR_CONFIG_VALUE', 'give `reqmod`, `respmod` or both: the URL of an ICAP service');
  }
  if (onError !== 'block' && onError !== 'bypass') {
    throw new ConfigError('ERR_CONFIG_VALUE', `onError: expected block or bypass, got ${String(onError)}`);
  }
  const clients = new Map<string, IcapServiceClient>();
  const clientFor = (url: string): IcapServiceClient => {
    const client = clients.get(url) ?? serviceClient(url, options);
    clients.set(url, client);
    return client;
  };
  const plan = (urls: string | readonly string[] = []): PlannedRule[] => {
    const list = typeof urls === 'string' ? [urls] : urls;
    if (list.length === 0) return [];
    const members = list.map((url) => ({ service: clientFor(url), onError, busy: 0 }));
    const step = new AdaptationStep(members[0]!.service.name, members, 'failover');
    return [{ when: null, steps: [step], stop: false }];
  };
  const pipeline = new AdaptationPipeline({
    reqmod: plan(reqmod),
    respmod: plan(respmod),
    spool: spoolOf(options),
    holdBytes: HOLD_BYTES,
  });
  const { ranges: mode = 'whole', streams: policy = 'window' } = options;
  const { config } = checkConfigObject({ adaptation: { ranges: { mode }, streams: { policy } } });
  return {
    pipeline,
    streams: new StreamAdaptation(config.adaptation.streams),
    parts: config.adaptation.ranges.mode,
    skip: skip ?? (() => false),
    user: user ?? (() => null),
    onRecord: onRecord ?? null,
    patience: patienceOf(options),
    close: () => clients.forEach((client) => client.close()),
  };
}

/**
 * A client of one service.
 * @throws {WeirError} `ERR_CONFIG_VALUE`; `ERR_ADAPT_TLS`: `tls` cannot be used
 */
export function serviceClient(url: string, options: IcapConnectionOptions): IcapServiceClient {
  const { secure, host, port, socketPath, path, query, user, password, href } = parseIcapUrl(url);
  const { previewBytes, maxConnections, tls } = options;
  return new IcapServiceClient({
    name: href,
    secure,
    host,
    port,
    socketPath,
    path: `${path}${query}`,
    user,
    password,
    timeoutMs: whole('timeoutMs', options.timeoutMs, 1) ?? TIMEOUT_MS,
    connectTimeoutMs: whole('connectTimeoutMs', options.connectTimeoutMs, 1) ?? CONNECT_TIMEOUT_MS,
    previewBytes: whole('previewBytes', previewBytes, 0, MAX_PREVIEW) ?? null,
    maxConnections: whole('maxConnections', maxConnections, 1) ?? null,
    spool: spoolOf(options),
    userAgent: `Weir/${WEIR_VERSION}`,
    ...(tls === undefined ? {} : { tls }),
  });
}

export function spoolOf({ spool = {} }: IcapConnectionOptions): SpoolOptions {
  return {
    memoryBytes: whole('spool.memoryBytes', spool.memoryBytes, 0) ?? DEFAULT_SPOOL.memoryBytes,
    folder: spool.folder ?? null,
  };
}

/** @throws {ConfigError} `ERR_CONFIG_VALUE` */
function patienceOf({ trickle, ...rest }: IcapPolicyOptions): PatienceSettings | null {
  if (trickle === undefined) return null;
  return {
    ...{ browser: 'trickle', program: 'trickle' },
    afterMs: whole('trickle.afterMs', trickle.afterMs, 0) ?? 3000,
    rateBytes: whole('trickle.rateBytes', trickle.rateBytes, 1) ?? 1024,
    tailBytes: whole('trickle.tailBytes', trickle.tailBytes, 1) ?? 65_536,
    isProgram: agentMatcher([]),
    ...{ ticketMs: 0, files: 0, spool: spoolOf(rest) }, // for answers that are fetched later: none here
  };
}

function whole(name: string, value: number | undefined, min: number, max = 2 ** 31 - 1): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value;
  throw new ConfigError('ERR_CONFIG_VALUE', `${name}: expected a whole number ${min}..${max}, got ${value}`);
}
