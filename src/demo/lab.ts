// Starts everything that `weir demo` needs, on free ports of the loopback address and in a temporary folder:
// the origin, a second ICAP server, and a Weir of its own with a CA of its own. Nothing is left of it.

import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startWeir, type RunningWeir } from '../app.ts';
import { subjectOf } from '../ca/authority.ts';
import { HttpError, isWeirError } from '../errors.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { TraceRecord } from '../trace/types.ts';
import { LabClient } from './client.ts';
import { indexPage } from './index-page.ts';
import { labConfig } from './lab-config.ts';
import { startNoticeService, type NoticeService } from './notice-service.ts';
import { startOrigin, type LabOrigin, type LabPage } from './origin.ts';
import type { Lab, Scenario } from './scenario.ts';

const PORT_ATTEMPTS = 5; // somebody may take a free port before we do
const TRACE_WAIT_MS = 10_000;
const MAX_RECORDS = 1000; // with --keep people go on clicking
const STOP_GRACE_MS = 500;

export interface RunningLab extends Lab {
  readonly weir: RunningWeir;
  /** Everything that was made is in it. */
  readonly folder: string;
  /** The page with links to all scenarios. */
  readonly startPage: string;
  /** Stops everything and removes the folder; safe to call twice. */
  close(): Promise<void>;
}

export interface LabOptions {
  readonly scenarios: readonly Scenario[];
  /** ICAP URL that judges in place of the own gateway; null: the gateway. */
  readonly chain: string | null;
}

/**
 * Starts the lab.
 * @throws {WeirError} what startWeir() throws; `ERR_CONFIG_VALUE` for a `chain` that is no ICAP URL. Nothing is
 *         left then
 */
export async function startLab({ scenarios, chain }: LabOptions): Promise<RunningLab> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'weir-demo-'));
  const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow); // also where a second Ctrl-C ends the process at once
  const parts: Parts = { origin: null, notice: null, weir: null };
  const close = async (): Promise<void> => {
    await parts.weir?.stop(STOP_GRACE_MS);
    await Promise.all([parts.origin?.close(), parts.notice?.close()]);
    // Whatever is being put away still, such as a quarantined file, may be a moment behind.
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    process.off('exit', removeNow);
  };
  try {
    const pages = new Map(scenarios.flatMap((scenario) => Object.entries(scenario.pages)));
    const records = new Records();
    const origin = await startOrigin(pages, path.join(folder, 'origin-ca'));
    parts.origin = origin;
    parts.notice = await startNoticeService();
    const weir = await startOnFreePort(folder, origin, parts.notice, chain, records);
    parts.weir = weir;
    pages.set('www/', startPageOf(scenarios, origin));
    const ca = readFileSync(weir.ca!.path, 'utf8');
    let closed: Promise<void> | null = null;
    return {
      ...{ weir, folder, origin, chain },
      startPage: origin.url('www', '/'),
      client: new LabClient(portOf(weir.proxyAddresses[0]!), [ca, origin.ca]),
      caName: subjectOf(new X509Certificate(ca)).replace(/^CN=/, ''),
      traced: async (matches) => traceOf(await records.first(matches), weir),
      close: () => (closed ??= close()),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts {
  origin: LabOrigin | null;
  notice: NoticeService | null;
  weir: RunningWeir | null;
}

async function startOnFreePort(
  folder: string,
  origin: LabOrigin,
  notice: NoticeService,
  chain: string | null,
  records: Records,
): Promise<RunningWeir> {
  for (let attempt = 1; ; attempt++) {
    const gatewayPort = await freePort();
    const config = labConfig({ folder, originCa: origin.caPath, notice: notice.url, gatewayPort, chain });
    try {
      const halves = { proxy: true, gateway: true };
      return await startWeir(config, halves, { onRecord: (record) => records.add(record) });
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !isWeirError(error) || error.code !== 'ERR_LISTEN') throw error;
    }
  }
}

/** A port that nobody listens on: adaptation.services names it before the gateway has it. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function startPageOf(scenarios: readonly Scenario[], origin: LabOrigin): LabPage {
  const urlOf = (visit: string): string => {
    const at = visit.indexOf('/');
    return origin.url(visit.slice(0, at), visit.slice(at));
  };
  return { type: 'text/html; charset=utf-8', body: indexPage(scenarios, urlOf) };
}

/** Records of the proxy, and those who wait for one. */
class Records {
  readonly #seen: ProxyRecord[] = [];
  readonly #waiting = new Set<(record: ProxyRecord) => void>();

  add(record: ProxyRecord): void {
    this.#seen.push(record);
    if (this.#seen.length > MAX_RECORDS) this.#seen.shift();
    for (const look of this.#waiting) look(record);
  }

  /** The first that matches and was not given out before. */
  first(matches: (record: ProxyRecord) => boolean): Promise<ProxyRecord> {
    const index = this.#seen.findIndex(matches);
    if (index !== -1) return Promise.resolve(this.#seen.splice(index, 1)[0]!);
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (record: ProxyRecord): void => {
        if (!matches(record)) return;
        done();
        this.#seen.splice(this.#seen.indexOf(record), 1);
        resolve(record);
      };
      const timer = setTimeout(() => {
        done();
        reject(new HttpError('ERR_DEMO_CLIENT', 'the proxy has no record of what the lab sent'));
      }, TRACE_WAIT_MS);
      this.#waiting.add(look);
    });
  }
}

async function traceOf(record: ProxyRecord, { traces }: RunningWeir): Promise<TraceRecord> {
  // The record is handed out just before its trace is.
  await new Promise((resolve) => setImmediate(resolve));
  const trace = (await traces?.find(record.id)) ?? null;
  if (trace !== null) return trace;
  throw new HttpError('ERR_DEMO_CLIENT', `no trace was kept of ${record.id}`, { id: record.id });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
