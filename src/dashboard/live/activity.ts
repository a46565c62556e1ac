// What goes on, for the lists and for those who watch: hears of each record, keeps the last ones and passes
// them on in batches. Nobody watching costs nothing but the row in the list, and where the log has no records
// either, not even the record is made.

import type { GatewayRecord, ProxyRecord } from '../../telemetry/records.ts';
import { WEIR_VERSION } from '../../util/version.ts';
import type { LiveMessage, TransactionSummary } from '../api/types.ts';
import { RecentTransactions } from './recent.ts';
import { gatewaySummary, proxySummary } from './summary.ts';
import type { LiveSocket } from './viewer.ts';
import { MAX_ITEMS, Viewer } from './viewer.ts';

const BATCH_MS = 250;
const CHECK_EVERY = 120; // batches: half a minute
const MAX_VIEWERS = 20;
const MAX_STATES = 50; // of one service
const MAX_SERVICES = 200;

export interface FormerState {
  readonly at: string;
  readonly state: string;
  readonly cause: string | null;
}

export class Activity {
  readonly recent = new RecentTransactions();
  /** Called some times a second while somebody watches. */
  onTick: () => void = () => {};
  readonly #viewers = new Set<Viewer>();
  readonly #states = new Map<string, FormerState[]>();
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;

  /** Records are wanted even where the log has none. */
  get isWatched(): boolean {
    return this.#viewers.size > 0;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** Whether the record of a transaction that is over need not be made; it is counted here then. */
  leavesOut(kind: 'proxy' | 'gateway', verdict: TransactionSummary['verdict'], isOwn: boolean): boolean {
    if (kind === 'gateway' && isOwn) return true; // told by the proxy
    if (this.recent.hasRoomFor(verdict)) return false;
    for (const viewer of this.#viewers) if (viewer.wants(verdict)) return false;
    this.recent.wants(verdict);
    for (const viewer of this.#viewers) viewer.leaveOut(verdict);
    return true;
  }

  proxy(record: ProxyRecord): void {
    this.#take(record.verdict, () => proxySummary(record, Date.now()));
  }

  /** One of the gateway; those that the proxy of this process has asked for are told by its own. */
  gateway(record: GatewayRecord, isOwn = false): void {
    if (isOwn || record.icapClient === 'in-process') return;
    this.#take(record.verdict, () => gatewaySummary(record, Date.now()));
  }

  /** Lines of JSON of a worker's log; as many are read as are wanted. */
  lines(text: string): void {
    for (const line of text.split('\n')) {
      if (!line.includes('"kind":"gateway"') || line.includes('"own":true')) continue; // told by the proxy
      const isWanted = this.recent.wants(line.includes('"verdict":"allowed"') ? 'allowed' : 'error');
      if (!isWanted && !this.isWatched) continue;
      const record = gatewayRecordOf(line);
      if (record === null) continue;
      const summary = gatewaySummary(record, Date.now());
      if (isWanted) this.recent.add(summary);
      for (const viewer of this.#viewers) viewer.offer(record.verdict, () => summary);
    }
  }

  /** A line of the log: of a service, its states are kept. */
  event(fields: object): void {
    const { service, state, code = null } = fields as Record<string, unknown>;
    if (typeof service !== 'string' || typeof state !== 'string') return;
    let states = this.#states.get(service);
    if (states === undefined) {
      if (this.#states.size >= MAX_SERVICES) return;
      this.#states.set(service, (states = []));
    }
    states.push({ at: new Date().toISOString(), state, cause: typeof code === 'string' ? code : null });
    if (states.length > MAX_STATES) states.shift();
  }

  /** Of a service, oldest first. */
  statesOf(service: string): readonly FormerState[] {
    return this.#states.get(service) ?? [];
  }

  /** Somebody watches from now on, until the socket closes. */
  watch(socket: LiveSocket): void {
    const viewer = new Viewer(socket);
    this.#viewers.add(viewer);
    socket.on('close', () => this.#leave(viewer));
    const now = new Date().toISOString();
    const hello = {
      type: 'hello',
      version: WEIR_VERSION,
      now,
      everyMs: BATCH_MS,
      maxItems: MAX_ITEMS,
    } as const;
    viewer.send(JSON.stringify(hello satisfies LiveMessage));
    this.#timer ??= setInterval(() => this.#tick(), BATCH_MS).unref();
  }

  /** To all who watch, now. */
  tell(message: LiveMessage): void {
    if (this.#viewers.size === 0) return;
    const text = JSON.stringify(message);
    for (const viewer of this.#viewers) viewer.send(text);
  }

  close(): void {
    for (const viewer of this.#viewers) viewer.close();
  }

  #take(verdict: TransactionSummary['verdict'], make: () => TransactionSummary): void {
    let made: TransactionSummary | null = null;
    const once = (): TransactionSummary => (made ??= make());
    if (this.recent.wants(verdict)) this.recent.add(once());
    for (const viewer of this.#viewers) viewer.offer(verdict, once);
  }

  #tick(): void {
    this.#ticks++;
    for (const viewer of this.#viewers) {
      viewer.flush();
      if (this.#ticks % CHECK_EVERY === 0) viewer.check();
    }
    this.onTick();
  }

  #leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Written by ourselves; a line that was cut off is none. */
function gatewayRecordOf(line: string): GatewayRecord | null {
  try {
    const record = JSON.parse(line) as GatewayRecord;
    return Array.isArray(record.blades) && typeof record.url === 'string' ? record : null;
  } catch {
    return null;
  }
}
