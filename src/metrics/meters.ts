// What one Weir process counts while traffic runs. Whoever finishes something says so here, at the cost of
// adding to a number; names and meanings are catalog.ts, the text that is scraped is exposition.ts. Labels
// come from the configuration, from tables of ours, or from a plugin's name: never from a message.

import type { ErrorCode, WeirError } from '../errors.ts';
import type { RepeatReason } from '../icap/client/service-client.ts';
import type { GatewayRecord, ProxyRecord } from '../telemetry/records.ts';
import type { CounterName, HistogramName } from './catalog.ts';
import type { CounterRows, HistogramRows } from './counters.ts';
import { Counters, Histograms } from './counters.ts';

/** Where a message was when it was judged; `tunnel`: bytes that are no HTTP. */
export type Point = 'reqmod' | 'respmod' | 'tunnel';

/** What an ICAP service did with a message that it was given. */
export type AskOutcome = 'allowed' | 'modified' | 'blocked' | 'ignored' | 'error' | 'refused' | 'cancelled';

export type TunnelAction = 'bump' | 'splice' | 'terminate' | 'plain';

/** What a transaction comes to; a log record will do. */
export type FinishedTransaction = Pick<ProxyRecord, 'verdict' | 'bytesIn' | 'bytesOut' | 'ms'> & {
  readonly error?: { readonly code: ErrorCode };
};

/** All that was counted so far, as plain data that can go to another process. */
export interface MeterSnapshot {
  readonly counters: Readonly<Partial<Record<CounterName, CounterRows>>>;
  readonly histograms: Readonly<Partial<Record<HistogramName, HistogramRows>>>;
}

export const NO_METERS: MeterSnapshot = { counters: {}, histograms: {} };

const VERDICTS = ['allowed', 'modified', 'blocked', 'bypassed', 'error'] as const;
const POINTS = { REQMOD: 'reqmod', RESPMOD: 'respmod' } as const;

export class Meters {
  readonly #counters = new Map<CounterName, Counters>();
  readonly #histograms = new Map<HistogramName, Histograms>();
  // Looked up once: these are added to with every message.
  readonly #transactions = this.#counter('weir_transactions_total');
  readonly #transactionSeconds = this.#histogram('weir_transaction_seconds');
  readonly #bytes = this.#counter('weir_transaction_bytes_total');
  readonly #messages = this.#counter('weir_messages_total');
  readonly #icapRequests = this.#counter('weir_icap_requests_total');
  readonly #icapSeconds = this.#histogram('weir_icap_request_seconds');
  readonly #gatewayRequests = this.#counter('weir_gateway_requests_total');
  readonly #gatewayVerdicts = this.#counter('weir_gateway_verdicts_total');
  readonly #gatewaySeconds = this.#histogram('weir_gateway_request_seconds');
  readonly #gatewayBytes = this.#counter('weir_gateway_body_bytes_total');
  readonly #bladeVerdicts = this.#counter('weir_blade_verdicts_total');
  readonly #bladeSeconds = this.#histogram('weir_blade_seconds');

  // --- the proxy ---

  /** A transaction is over that had a request, with everything that the client got of it. */
  transaction(finished: FinishedTransaction): void {
    this.connection(finished);
    this.#transactionSeconds.observe('', finished.ms);
    if (finished.bytesIn > 0) this.#bytes.add('in', finished.bytesIn);
    if (finished.bytesOut > 0) this.#bytes.add('out', finished.bytesOut);
  }

  /** Something else that the log has a record of: a CONNECT, a spliced tunnel, a connection that failed. */
  connection({ verdict, error }: Pick<FinishedTransaction, 'verdict' | 'error'>): void {
    this.#transactions.add(verdict);
    if (error !== undefined) this.#count('weir_transaction_errors_total', error.code);
  }

  /**
   * A message was judged, or left out.
   * @param coverage  null: there was nothing to scan, which is not counted
   */
  message(
    point: Point | 'REQMOD' | 'RESPMOD',
    coverage: { readonly state: string; readonly reason: string | null } | null,
  ): void {
    if (coverage === null) return;
    const outcome = coverage.reason === null ? coverage.state : 'not_scanned';
    this.#messages.add(`${pointOf(point)}\n${outcome}\n${coverage.reason ?? ''}`);
  }

  /** A message went no further: a policy asks for a scan that it did not get, or its service failed. */
  messageHeld(point: Point | 'REQMOD' | 'RESPMOD', error: Pick<WeirError, 'code' | 'fields'> | null): void {
    const reason = error?.code === 'ERR_ADAPT_NOT_SCANNED' ? String(error.fields['reason'] ?? '') : null;
    const outcome = reason !== null ? 'refused' : error?.code === 'ERR_ABORTED' ? 'cancelled' : 'error';
    this.#messages.add(`${pointOf(point)}\n${outcome}\n${reason ?? ''}`);
  }

  tunnel(action: TunnelAction): void {
    this.#count('weir_tunnels_total', action);
  }

  handshakeFailed(reason: string): void {
    this.#count('weir_tls_handshake_failures_total', reason);
  }

  connectionRefused(): void {
    this.#count('weir_connections_refused_total', '');
  }

  // --- ICAP services, asked by the proxy ---

  /** @param ms  from the message given to the answer that it goes on with; null where nothing was sent */
  asked(
    service: string,
    method: 'REQMOD' | 'RESPMOD',
    outcome: AskOutcome,
    ms: number | null,
    code: string | null,
  ): void {
    const place = `${service}\n${POINTS[method]}`;
    this.#icapRequests.add(`${place}\n${outcome}`);
    if (ms !== null) this.#icapSeconds.observe(place, ms);
    if (code !== null) this.#count('weir_icap_errors_total', `${place}\n${code}`);
  }

  repeated(service: string, reason: RepeatReason): void {
    this.#count('weir_icap_repeats_total', `${service}\n${reason}`);
  }

  /** The next member of a group was asked because this one failed. */
  failedOver(service: string): void {
    this.#count('weir_icap_failovers_total', service);
  }

  /** This member of a group was asked as well because another one was late. */
  hedged(service: string): void {
    this.#count('weir_icap_hedges_total', service);
  }

  serviceChanged(service: string, state: string): void {
    this.#count('weir_service_state_changes_total', `${service}\n${state}`);
  }

  // --- the gateway ---

  /** An ICAP transaction is over. @param bytes  of its body, as far as it was held */
  gateway({ service, method, icapStatus, verdict, ms, bytes, blades, code }: FinishedIcap): void {
    const place = `${service}\n${method}`;
    this.#gatewayRequests.add(`${place}\n${icapStatus}`);
    this.#gatewayVerdicts.add(`${service}\n${verdict}`);
    this.#gatewaySeconds.observe(place, ms);
    if (bytes > 0) this.#gatewayBytes.add(service, bytes);
    if (code !== null) this.gatewayRefused(code);
    for (const blade of blades) {
      const word = blade.verdict.startsWith('not-scanned') ? 'not_scanned' : blade.verdict;
      this.#bladeVerdicts.add(`${blade.name}\n${word}`);
      this.#bladeSeconds.observe(blade.name, blade.ms);
    }
  }

  /** A request that never came to a service. */
  gatewayRefused(code: ErrorCode): void {
    this.#count('weir_gateway_errors_total', code);
  }

  // --- read ---

  /** Rows for verdicts that have not been seen yet are 0, so that a first block is a change and no start. */
  constructor() {
    for (const verdict of VERDICTS) this.#transactions.add(verdict, 0);
  }

  /** Adds what another process has counted. */
  merge({ counters, histograms }: MeterSnapshot): void {
    for (const [name, rows] of Object.entries(counters) as [CounterName, CounterRows][]) {
      for (const [key, value] of rows) this.#counter(name).add(key, value);
    }
    for (const [name, rows] of Object.entries(histograms) as [HistogramName, HistogramRows][]) {
      this.#histogram(name).merge(rows);
    }
  }

  snapshot(): MeterSnapshot {
    return {
      counters: Object.fromEntries([...this.#counters].map(([name, counters]) => [name, counters.rows()])),
      histograms: Object.fromEntries([...this.#histograms].map(([name, each]) => [name, each.rows()])),
    };
  }

  #count(name: CounterName, key: string): void {
    this.#counter(name).add(key);
  }

  #counter(name: CounterName): Counters {
    let counters = this.#counters.get(name);
    if (counters === undefined) this.#counters.set(name, (counters = new Counters()));
    return counters;
  }

  #histogram(name: HistogramName): Histograms {
    let histograms = this.#histograms.get(name);
    if (histograms === undefined) this.#histograms.set(name, (histograms = new Histograms()));
    return histograms;
  }
}

type FinishedIcap = Pick<GatewayRecord, 'service' | 'method' | 'icapStatus' | 'verdict' | 'ms' | 'bytes'> & {
  readonly blades: readonly { readonly name: string; readonly verdict: string; readonly ms: number }[];
  readonly code: ErrorCode | null;
};

function pointOf(point: Point | 'REQMOD' | 'RESPMOD'): Point {
  return point === 'REQMOD' || point === 'RESPMOD' ? POINTS[point] : point;
}
