// Recorded transactions once more through a gateway and a chain of services: what would become of them now.
// Nobody listens and no origin is asked; the messages come from the recording.

import { transactionsOf } from '../capture/transactions-of.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ReadTransaction } from '../capture/recording-reader.ts';
import type { RecordedOutcome } from '../capture/recording.ts';
import { checkConfigObject } from '../config/load.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { makeGateway } from '../gateway/from-config.ts';
import type { Body } from '../http/body.ts';
import type { PipelineInput, PipelineOutput, StepTrace } from '../proxy/adaptation/pipeline.ts';
import { coverageAtEnd, isVerdict, worseOf } from '../proxy/adaptation/coverage.ts';
import { judge } from '../proxy/adaptation/verdict.ts';
import { asWeirError } from '../proxy/answers.ts';
import { openLog } from '../telemetry/log.ts';
import { Cancellation } from '../util/cancellation.ts';
import { BladeSet } from './blade-set.ts';
import type { AdaptationPart } from './proxy-parts.ts';
import { makeAdaptationPart } from './proxy-parts.ts';

/** What became of one transaction. */
export interface ReplayedTransaction {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  /** As recorded; null where that is not known. */
  readonly before: RecordedOutcome | null;
  /** Null where it could not be replayed. */
  readonly now: ReplayedOutcome | null;
  /** Why not, e.g. `a tunnel`. */
  readonly skipped: string | null;
  /** A body was recorded in part: services saw that part. */
  readonly partial: boolean;
  /** Whether verdict, threat, or why it was not scanned differ; false where there is nothing to compare. */
  readonly changed: boolean;
}

export interface ReplayedOutcome extends Omit<RecordedOutcome, 'status' | 'blade'> {
  /** Of scanning. */
  readonly ms: number;
  /** Code and message of a failure. */
  readonly error: string | null;
}

/** Instead of what the configuration says. */
export interface ReplayTarget {
  /** One ICAP service sees all requests and responses. */
  readonly service?: string | undefined;
  /** Profile of all services of the gateway that scan. */
  readonly profile?: string | undefined;
}

/**
 * The configuration with another target.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`: no such profile, or no ICAP URL
 */
export function withTarget(config: ResolvedConfig, { service, profile }: ReplayTarget): ResolvedConfig {
  let result = config;
  if (profile !== undefined) {
    if (!Object.hasOwn(config.profiles, profile)) {
      const known = Object.keys(config.profiles).join(', ');
      throw new ConfigError('ERR_CONFIG_VALUE', `there is no profile "${profile}"; known: ${known}`);
    }
    const services = Object.fromEntries(
      Object.entries(config.gateway.services).map(([name, of]) => [
        name,
        of.profile === null ? of : { ...of, profile, rules: [] },
      ]),
    );
    result = { ...result, gateway: { ...result.gateway, services } };
  }
  if (service !== undefined) {
    const use = ['replay'];
    const { config: other } = checkConfigObject({
      adaptation: {
        services: { replay: { url: service } },
        rules: [
          { point: 'reqmod', use },
          { point: 'respmod', use },
        ],
      },
    });
    result = { ...result, adaptation: other.adaptation };
  }
  return result;
}

/** Transactions of a recording, HAR file or packet capture. @throws {HttpError} `ERR_RECORDING` */
export function recordedTransactions(path: string): AsyncGenerator<ReadTransaction, void> {
  return transactionsOf(path, ({ answer }) => {
    const { status, headers: icapHeaders } = answer.head;
    const unmodified = { icapStatus: status, request: null, response: null };
    const heads = status === 204 ? unmodified : { ...answer, icapStatus: status };
    const { verdict, threat } = judge({ ...heads, icapHeaders, body: null, preview: null });
    return {
      verdict: status >= 400 ? 'error' : verdict,
      threat: threat?.name ?? null,
      blade: threat?.blade ?? null,
    };
  });
}

export class ReplayStage {
  readonly #adaptation: AdaptationPart;
  readonly #close: () => Promise<void>;

  private constructor(adaptation: AdaptationPart, close: () => Promise<void>) {
    this.#adaptation = adaptation;
    this.#close = close;
  }

  /**
   * Loads plugins, makes gateway and services. Its own gateway is asked in this process.
   * @throws {WeirError} `ERR_PLUGIN_…`, `ERR_CONFIG_…`
   */
  static async open(given: ResolvedConfig): Promise<ReplayStage> {
    const log = openLog({ ...given.log, level: 'silent', file: null, meters: null });
    const folder = await mkdtemp(path.join(tmpdir(), 'weir-replay-'));
    const config = withoutTraces(given, folder);
    const blades = await BladeSet.load(config, log);
    const gateway = makeGateway(config, blades.blades, log, null);
    const halves = { proxy: true, gateway: true };
    const adaptation = makeAdaptationPart({ config, gateway, halves, telemetry: log });
    return new ReplayStage(adaptation, async () => {
      for (const service of adaptation.services) await service.close();
      await gateway.close(0);
      await blades.close();
      log.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  async close(): Promise<void> {
    await this.#close();
  }

  /** Never rejects for what services say: that is an outcome. */
  async replay(recorded: ReadTransaction): Promise<ReplayedTransaction> {
    const { id, request, response, outcome } = recorded;
    const shown = { id, method: request.method, url: request.url, before: outcome };
    const skipped = whySkipped(recorded);
    const partial = request.body?.complete === false || response?.body?.complete === false;
    if (skipped !== null) return { ...shown, now: null, skipped, partial, changed: false };
    const now = await this.#run(recorded);
    return { ...shown, now, skipped: null, partial, changed: outcome !== null && differs(outcome, now) };
  }

  async #run(recorded: ReadTransaction): Promise<ReplayedOutcome> {
    const startedAt = performance.now();
    const trace: StepTrace[] = [];
    const { pipeline } = this.#adaptation;
    let last: PipelineOutput | null = null;
    let coverage: PipelineOutput['coverage'] = null;
    const seen: PipelineOutput['verdict'][] = [];
    const result = (verdict: RecordedOutcome['verdict'], rest: Partial<ReplayedOutcome> = {}) => ({
      verdict,
      threat: last?.threat?.name ?? null,
      notScanned: coverage?.state === 'not-scanned' ? coverage.reason : null,
      services: [...new Set(trace.map(({ service }) => service))],
      ms: Math.round((performance.now() - startedAt) * 100) / 100,
      error: null,
      ...rest,
    });
    try {
      for (const method of ['REQMOD', 'RESPMOD'] as const) {
        if (recorded.points?.includes(method) === false) continue;
        if (!pipeline.has(method) || (method === 'RESPMOD' && recorded.response === null)) continue;
        last = await pipeline.run(method, inputOf(method, recorded), trace);
        coverage = worseOf(coverage, last.coverage);
        seen.push(last.verdict);
        await drained(last.body);
        if (method === 'REQMOD' && last.response !== null) break; // the origin is not asked
      }
      return result(seen.findLast((verdict) => verdict !== 'allowed') ?? 'allowed');
    } catch (error) {
      const failure = asWeirError(error);
      coverage = worseOf(coverage, coverageAtEnd(failure, coverage));
      const verdict = isVerdict(failure) ? 'blocked' : 'error';
      return result(verdict, { error: `${failure.code}: ${failure.message}` });
    }
  }
}

/** Nothing is remembered, quarantined or taken from what was: a replay judges, and leaves no mark. */
function withoutTraces(config: ResolvedConfig, folder: string): ResolvedConfig {
  const { gateway } = config;
  const profiles = Object.entries(config.profiles).map(([name, profile]) => {
    return [name, { ...profile, cache: false, quarantine: 'off' as const }] as const;
  });
  // Its own gateway is asked here, not where another one with the policy in force may listen.
  const services = Object.entries(config.adaptation.services).map(([name, service]) => {
    return [name, { ...service, inProcess: true }] as const;
  });
  return {
    ...config,
    adaptation: { ...config.adaptation, services: Object.fromEntries(services) },
    profiles: Object.fromEntries(profiles),
    gateway: {
      ...gateway,
      verdicts: { ...gateway.verdicts, folder: path.join(folder, 'verdicts') },
      quarantine: { ...gateway.quarantine, folder: path.join(folder, 'quarantine') },
    },
  };
}

function whySkipped({ request, response }: ReadTransaction): string | null {
  if (request.method === 'CONNECT') return 'a tunnel';
  if (response?.status === 101) return 'a change of protocol';
  if (!/^https?:\/\//.test(request.url)) return 'no absolute URL';
  return null;
}

function inputOf(method: 'REQMOD' | 'RESPMOD', recorded: ReadTransaction): PipelineInput {
  const { request, response, client, user, serverIp } = recorded;
  return {
    host: new URL(request.url).hostname.replace(/^\[|\]$/g, ''),
    request: { method: request.method, target: request.url, version: '1.1', headers: request.headers },
    response:
      method === 'REQMOD'
        ? null
        : {
            version: '1.1',
            status: response!.status,
            reason: response!.reason,
            headers: response!.headers,
          },
    body: method === 'REQMOD' ? recorded.requestBody() : recorded.responseBody(),
    clientIp: client,
    serverIp: method === 'REQMOD' ? null : serverIp,
    user,
    cancellation: new Cancellation(),
  };
}

/** A verdict may stand in trailers: the answer is read to its end, and thrown away. */
function drained(body: Body | null): Promise<void> {
  if (body === null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    body.consume({ onData: () => true, onEnd: () => resolve(), onError: reject });
  });
}

function differs(before: RecordedOutcome, now: ReplayedOutcome): boolean {
  const keys = ['verdict', 'threat', 'notScanned'] as const;
  return keys.some((key) => before[key] !== now[key]);
}
