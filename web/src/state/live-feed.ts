// The live feed: one WebSocket for the whole console, opened again by itself when it breaks. Holds the newest
// transactions, bounded; which of them the server sends, and whether any, the page in view says.

import { useEffect, useState } from 'preact/hooks';
import { getJson } from '../api/client.ts';
import type {
  LiveMessage,
  LiveSubscribe,
  TransactionFilter,
  TransactionsReply,
  TransactionSummary,
} from '../api/types.ts';

const MAX_ROWS = 5000;
const SEED_ROWS = 200;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const QUIET_MS = 1500; // without a batch: the rate falls

export interface LiveState {
  readonly connection: 'connecting' | 'open' | 'lost';
  /** Newest first. */
  readonly rows: readonly TransactionSummary[];
  /** Came while the list stood still; shown when it goes on. */
  readonly waiting: readonly TransactionSummary[];
  /** Fitted the filter, and were not sent because there were too many. */
  readonly skipped: number;
  /** Transactions a second, whatever the filter. */
  readonly rate: number;
  readonly paused: boolean;
  /** The rows of before the visit are there. */
  readonly seeded: boolean;
}

let state: LiveState = {
  connection: 'connecting',
  rows: [],
  waiting: [],
  skipped: 0,
  rate: 0,
  paused: false,
  seeded: false,
};
let socket: WebSocket | null = null;
let retryMs = FIRST_RETRY_MS;
let retryTimer = 0;
let wanted: LiveSubscribe = { type: 'subscribe', paused: true };
let lastBatchAt = 0;
let quietTimer = 0;
let seedTurn = 0;
const watchers = new Set<(next: LiveState) => void>();
const listeners = new Set<(message: LiveMessage) => void>();

function update(changes: Partial<LiveState>): void {
  state = { ...state, ...changes };
  for (const watcher of watchers) watcher(state);
}

/** The state of the feed; renders again with every batch. */
export function useLive(): LiveState {
  const [shown, setShown] = useState(state);
  useEffect(() => {
    watchers.add(setShown);
    setShown(state);
    return () => void watchers.delete(setShown);
  }, []);
  return shown;
}

/** Hears of every message, for as long as the component is there. */
export function useLiveMessages(listener: (message: LiveMessage) => void): void {
  useEffect(() => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  });
}

export function openLive(): void {
  const url = new URL('/api/live', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const opened = new WebSocket(url);
  socket = opened;
  clearInterval(quietTimer);
  quietTimer = window.setInterval(calmDown, QUIET_MS);
  opened.onopen = () => {
    retryMs = FIRST_RETRY_MS;
    lastBatchAt = performance.now();
    update({ connection: 'open' });
    opened.send(JSON.stringify(wanted));
  };
  opened.onmessage = ({ data }: MessageEvent<string>) => take(JSON.parse(data) as LiveMessage);
  opened.onclose = () => {
    if (socket !== opened) return;
    update({ connection: 'lost', rate: 0 });
    // A browser does not tell why a WebSocket was refused; an ordinary request does, and 401 asks to sign in.
    getJson('/api/status').catch(() => {});
    retryTimer = window.setTimeout(openLive, retryMs);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  };
}

export function closeLive(): void {
  clearTimeout(retryTimer);
  clearInterval(quietTimer);
  const open = socket;
  socket = null;
  open?.close();
}

/** No batch comes while nothing happens. */
function calmDown(): void {
  if (state.rate === 0 || performance.now() - lastBatchAt < QUIET_MS) return;
  update({ rate: state.rate < 0.1 ? 0 : state.rate / 4 });
}

function take(message: LiveMessage): void {
  if (message.type === 'transactions') addBatch(message);
  for (const listener of listeners) listener(message);
}

function addBatch({ items, skipped, total }: LiveMessage & { type: 'transactions' }): void {
  const now = performance.now();
  const seconds = Math.max(0.2, (now - lastBatchAt) / 1000);
  lastBatchAt = now;
  const rate = state.rate * 0.6 + (total / seconds) * 0.4;
  const newest = items.toReversed();
  const { rows, waiting, paused } = state;
  const added = paused
    ? { waiting: [...newest, ...waiting].slice(0, MAX_ROWS) }
    : { rows: merged(newest, rows) };
  update({ ...added, skipped: state.skipped + skipped, rate });
}

/** The first list before the second, each transaction once, the oldest left out beyond the bound. */
function merged(
  newer: readonly TransactionSummary[],
  older: readonly TransactionSummary[],
): readonly TransactionSummary[] {
  if (newer.length === 0) return older;
  const known = new Set(newer.map(({ id }) => id));
  return [...newer, ...older.filter(({ id }) => !known.has(id))].slice(0, MAX_ROWS);
}

function subscribe(next: LiveSubscribe): void {
  wanted = next;
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(next));
}

/** Asks for the transactions that fit, those of before included. @param query the same filter for a URL */
export async function watchTransactions(filter: TransactionFilter, query: URLSearchParams): Promise<void> {
  subscribe({ type: 'subscribe', filter });
  seedTurn += 1;
  const turn = seedTurn;
  update({ rows: [], waiting: [], skipped: 0, seeded: false });
  const search = new URLSearchParams(query);
  search.set('limit', String(SEED_ROWS));
  try {
    const { items } = await getJson<TransactionsReply>(`/api/transactions?${search.toString()}`);
    if (turn === seedTurn) update({ rows: merged(state.rows, items), seeded: true });
  } catch {
    if (turn === seedTurn) update({ seeded: true }); // the live ones come all the same
  }
}

/** No page shows transactions any more. */
export function stopWatching(): void {
  seedTurn += 1;
  subscribe({ type: 'subscribe', paused: true });
}

/** Lets the list stand still, or go on with what came meanwhile. */
export function pause(paused: boolean): void {
  if (paused === state.paused) return;
  if (paused) update({ paused });
  else update({ paused, rows: merged(state.waiting, state.rows), waiting: [] });
}
