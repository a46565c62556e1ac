// A gateway with blades of the test's own, a profile that says how they run, and real folders for what it
// remembers. Clients speak ICAP over sockets; verdicts are the test's to give, one by one if it likes.

import { networkInterfaces } from 'node:os';
import type { GatewayServiceOptions } from '../../src/gateway/gateway.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { MemoryOptions } from '../../src/gateway/gateway-memory.ts';
import type { InspectionProfile } from '../../src/gateway/inspection.ts';
import type { Blade, BladeMessage, Verdict } from '../../src/plugin/api.ts';
import { allow } from '../../src/plugin/api.ts';
import type { Incident } from '../../src/telemetry/incidents.ts';
import type { GatewayRecord } from '../../src/telemetry/records.ts';
import type { RawClient } from '../support/rawClient.ts';
import { rawClient } from '../support/rawClient.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';

const ALLOW = 'Allow: 204\r\n';

/** An address of this machine that is not loopback; null in a container without a network. */
export const OTHER_ADDRESS =
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? null;

export interface LabEvent {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LabOptions {
  readonly profile: Partial<InspectionProfile>;
  readonly blades: readonly Blade[];
  readonly rules?: GatewayServiceOptions['rules'];
  readonly background?: Partial<MemoryOptions['background']>;
  readonly quarantine?: Partial<MemoryOptions['quarantine']>;
  /** Folder of another lab, for one that comes after it or runs beside it. */
  readonly folder?: TempDir;
}

export interface Answer {
  /** 204, or 200 for a block page. */
  readonly status: number;
  readonly istag: string;
  readonly text: string;
}

export interface VerdictLab extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly port: number;
  readonly folder: TempDir;
  readonly records: GatewayRecord[];
  readonly events: LabEvent[];
  readonly incidents: Incident[];
  /** Sends a response body to be judged on a connection of its own. */
  respmod(body: string | Buffer, more?: RespmodOptions): Promise<Answer>;
  /** The same with the body of a request. */
  reqmod(body: string | Buffer): Promise<Answer>;
  options(host?: string): Promise<string>;
  /** Resolves once that many incidents were told. */
  told(count: number): Promise<readonly Incident[]>;
  reconfigure(options: LabOptions): Promise<void>;
}

export interface RespmodOptions {
  readonly path?: string;
  readonly icap?: string;
  readonly type?: string;
  /** Content-Disposition. */
  readonly disposition?: string;
  readonly host?: string;
  /** Fields that say what the client takes; default `Allow: 204`. */
  readonly allow?: string;
}

/** A blade that says what the test wants, and counts how often it was asked. */
export class TestBlade implements Blade {
  readonly name: string;
  readonly judges: NonNullable<Blade['judges']>;
  readonly asked: BladeMessage[] = [];
  rules = '1';
  #verdict: (message: BladeMessage, signal: AbortSignal) => Verdict | Promise<Verdict>;

  constructor(
    name: string,
    verdict: Blade['inspect'] = () => allow(),
    judges: NonNullable<Blade['judges']> = 'content',
  ) {
    this.name = name;
    this.#verdict = verdict;
    this.judges = judges;
  }

  says(verdict: Blade['inspect']): void {
    this.#verdict = verdict;
  }

  fingerprint(): string {
    return this.rules;
  }

  inspect(message: BladeMessage, signal: AbortSignal): Verdict | Promise<Verdict> {
    this.asked.push(message);
    return this.#verdict(message, signal);
  }
}

/** A promise and its resolver. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export async function startVerdictLab(options: LabOptions): Promise<VerdictLab> {
  const folder = options.folder ?? (await tempDir('weir-verdicts-'));
  const records: GatewayRecord[] = [];
  const events: LabEvent[] = [];
  const incidents: Incident[] = [];
  const waiting: (() => void)[] = [];
  const telemetry = {
    records: true,
    proxy() {},
    gateway: (record: GatewayRecord) => void records.push(record),
    event: (level: string, message: string, fields: object) =>
      void events.push({ level, message, fields: fields as LabEvent['fields'] }),
    incidents: {
      incident: (incident: Incident) => {
        incidents.push(incident);
        for (const look of waiting) look();
      },
    },
  };
  const made = (given: LabOptions) => gatewayOptions(given, folder.path, telemetry);
  const gateway = new Gateway(made(options));
  const host = OTHER_ADDRESS === null ? '127.0.0.1' : '0.0.0.0';
  const { port } = await gateway.listen(0, host);
  const connect = (at = '127.0.0.1'): Promise<RawClient> => rawClient(port, { host: at });
  const send = async (
    at: string | undefined,
    start: string,
    parts: string,
    heads: string,
    body: string | Buffer,
  ): Promise<Answer> => {
    await using client = await connect(at);
    const bytes = Buffer.from(body);
    client.send(
      `${start}Host: h\r\nConnection: close\r\nEncapsulated: ${parts}\r\n\r\n${heads}`,
      `${bytes.length.toString(16)}\r\n`,
      bytes,
      '\r\n0\r\n\r\n',
    );
    const text = (await client.closed()).toString('latin1');
    return {
      status: Number(text.slice(9, 12)),
      istag: /ISTag: "([^"]*)"/.exec(text)?.[1] ?? '',
      text,
    };
  };
  return {
    ...{ gateway, port, folder, records, events, incidents },
    respmod(body, more = {}) {
      const { path = '/', icap = '', type = 'text/plain', disposition, host: at, allow: take = ALLOW } = more;
      const request = `GET http://a.test${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
      const named = disposition === undefined ? '' : `Content-Disposition: ${disposition}\r\n`;
      const response = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${named}\r\n`;
      const parts = `req-hdr=0, res-hdr=${request.length}, res-body=${request.length + response.length}`;
      return send(at, `RESPMOD icap://h/scan ICAP/1.0\r\n${take}${icap}`, parts, request + response, body);
    },
    reqmod(body) {
      const request = 'POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
      const parts = `req-hdr=0, req-body=${request.length}`;
      return send(undefined, `REQMOD icap://h/scan ICAP/1.0\r\n${ALLOW}`, parts, request, body);
    },
    async options(at) {
      await using client = await connect(at);
      client.send('OPTIONS icap://h/scan ICAP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n');
      return (await client.closed()).toString('latin1');
    },
    async told(count) {
      while (incidents.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return incidents;
    },
    reconfigure: (next) => gateway.reconfigure(made(next)),
    async [Symbol.asyncDispose]() {
      await gateway.close(1000);
      if (options.folder === undefined) await folder[Symbol.asyncDispose]();
    },
  };
}

function gatewayOptions(
  options: LabOptions,
  folder: string,
  telemetry: ConstructorParameters<typeof Gateway>[0]['telemetry'],
): ConstructorParameters<typeof Gateway>[0] {
  const { blades, background, quarantine, rules = [] } = options;
  return {
    ...{ via: null, strict: false, allow: ['0.0.0.0/0'], blades, telemetry },
    limits: {
      ...{ connections: 100, idleTimeoutMs: 60_000, requestTimeoutMs: 60_000, handshakeTimeoutMs: 10_000 },
      ...{ drainBytes: 1024 * 1024, drainTimeoutMs: 2000, maxRequestsPerConnection: 0 },
      head: { startLineBytes: 8192, headerBytes: 65_536, headerFields: 200, sectionBytes: 131_072 },
    },
    spool: { memoryBytes: 4096, folder: `${folder}/spool` },
    memory: {
      verdicts: { folder: `${folder}/verdicts`, entries: 1000, maxAgeMs: 3_600_000, refreshMs: 0 },
      background: { queue: 4, bytes: 1024 * 1024, atOnce: 1, ...background },
      quarantine: {
        ...{ folder: `${folder}/quarantine`, maxBytes: 1024 * 1024, maxAgeMs: 3_600_000, maxFile: 100_000 },
        ...quarantine,
      },
    },
    services: [
      {
        ...{ name: 'scan', kind: 'scan', methods: ['REQMOD', 'RESPMOD'] },
        ...{ previewBytes: 1024, maxConnections: 100, optionsTtlSeconds: 60 },
        profile: testProfile(options.profile, blades),
        rules,
      },
    ],
  };
}

/** A profile in which every blade is enabled, inline unless it says otherwise. */
export function testProfile(
  profile: Partial<InspectionProfile>,
  blades: readonly Blade[],
): InspectionProfile {
  const enabled = { enabled: true, mode: 'inline' as const, timeoutMs: 5000 };
  const all = Object.fromEntries(blades.map(({ name }) => [name, enabled]));
  return { name: 'test', onError: 'block', ...profile, blades: { ...all, ...profile.blades } };
}
