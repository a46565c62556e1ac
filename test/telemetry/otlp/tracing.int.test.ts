// Spans as a collector gets them: one trace over proxy, gateway and blades, whichever way the gateway is reached.

import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { traceparent, traceparentOf } from '../../../src/telemetry/otlp/trace-context.ts';
import { Tracer } from '../../../src/telemetry/otlp/tracer.ts';
import { eicar } from '../../support/eicar.ts';
import { type OriginServer, originServer } from '../../support/originServer.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';

interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
  readonly status: { code?: number; message?: string };
}

interface ExportBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly SeenSpan[] }[];
  }[];
}

/** Takes what OTLP sends; answers with `statuses` first, then with 200. */
class Collector implements AsyncDisposable {
  readonly spans: SeenSpan[] = [];
  readonly services = new Set<string | undefined>();
  readonly keys: (string | string[] | undefined)[] = [];
  requests = 0;
  readonly #statuses: number[];
  readonly #server: http.Server;
  #changed: () => void = () => {};

  private constructor(statuses: number[]) {
    this.#statuses = statuses;
    this.#server = http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.requests++;
        this.keys.push(request.headers['x-key']);
        const status = this.#statuses.shift() ?? 200;
        if (status === 200) this.#take(JSON.parse(Buffer.concat(parts).toString()) as ExportBody);
        response.writeHead(status, { 'Content-Type': 'application/json' }).end('{}');
        this.#changed();
      });
    });
  }

  static async open(...statuses: number[]): Promise<Collector> {
    const collector = new Collector(statuses);
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(collector(this.#server) as { port: number }).port}/v1/traces`;
  }

  /** Resolves once that holds. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take({ resourceSpans }: ExportBody): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      this.services.add(resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue);
      this.spans.push(...scopeSpans.flatMap(({ spans }) => spans));
    }
  }
}

const collector = (server: http.Server): unknown => server.address();

const attribute = (span: SeenSpan, name: string): unknown =>
  Object.values(span.attributes.find(({ key }) => key === name)?.value ?? {})[0];

let origin: OriginServer;

beforeAll(async () => {
  origin = await originServer((request, response) => response.end(request.url === '/bad' ? eicar() : 'fine'));
});

afterAll(() => origin.close());

async function tracingWeir(endpoint: string, inProcess: boolean, tracing = {}): Promise<LocalWeir> {
  return startTestWeir((port) => ({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess } },
      rules: [
        { point: 'reqmod', use: ['scan'] },
        { point: 'respmod', use: ['scan'] },
      ],
    },
    tracing: { endpoint, headers: { 'X-Key': 'k1' }, service: 'lab', ...tracing },
  }));
}

describe.each([
  ['over TCP', false],
  ['in this process', true],
])('a gateway that is reached %s', (_, inProcess) => {
  test('proxy, points, services, gateway, blades and origin are one trace, each below its cause', async () => {
    await using sink = await Collector.open();
    await using weir = await tracingWeir(sink.url, inProcess);
    await weir.curl(`${origin.url}/bad`);
    await weir.stop();
    const named = (name: string): SeenSpan => {
      const spans = sink.spans.filter((span) => span.name === name);
      expect([name, spans.length]).toEqual([name, 1]);
      return spans[0]!;
    };
    const root = named('GET');
    const below = (child: string, parent: string): void =>
      expect([child, named(child).parentSpanId]).toEqual([child, named(parent).spanId]);
    expect(root.parentSpanId).toBeUndefined();
    below('REQMOD', 'GET');
    below('RESPMOD', 'GET');
    below('origin', 'GET');
    below('RESPMOD scan', 'RESPMOD');
    below('RESPMOD /sandblast', 'RESPMOD');
    below('REQMOD /sandblast', 'REQMOD');
    const blade = sink.spans.find(({ parentSpanId }) => parentSpanId === named('RESPMOD /sandblast').spanId)!;
    expect([blade.name, attribute(blade, 'weir.verdict')]).toEqual(['blade antivirus', 'block']);
    expect(new Set(sink.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(sink.spans.map(({ spanId }) => spanId)).size).toBe(sink.spans.length);
    expect([root.kind, named('RESPMOD scan').kind, named('RESPMOD /sandblast').kind]).toEqual([2, 3, 2]);
    expect(attribute(root, 'weir.verdict')).toBe('blocked');
    expect(attribute(root, 'http.response.status_code')).toBe('403');
    for (const { startTimeUnixNano, endTimeUnixNano } of sink.spans) {
      expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true);
      expect(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(60_000);
    }
    expect([...sink.services]).toEqual(['lab']);
    expect(sink.keys[0]).toBe('k1');
  });
});

test('a client is followed only where that is configured, and its decision not to sample counts', async () => {
  await using sink = await Collector.open();
  const above = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const sent = (sampled: boolean): string[] => ['-H', `traceparent: ${traceparent({ ...above, sampled })}`];
  {
    await using weir = await tracingWeir(sink.url, true, { follow: true });
    await weir.curl(`${origin.url}/seen`, ...sent(true));
    await weir.curl(`${origin.url}/unseen`, ...sent(false));
  }
  const roots = sink.spans.filter(({ name }) => name === 'GET');
  expect(roots).toMatchObject([{ traceId: above.traceId, parentSpanId: above.spanId }]);
  sink.spans.length = 0;
  {
    await using weir = await tracingWeir(sink.url, true);
    await weir.curl(`${origin.url}/own`, ...sent(false));
  }
  const [own] = sink.spans.filter(({ name }) => name === 'GET');
  expect(own!.traceId).not.toBe(above.traceId);
  expect(own!.parentSpanId).toBeUndefined();
});

test('nothing is sent of what is not in the sample', async () => {
  await using sink = await Collector.open();
  await using weir = await tracingWeir(sink.url, true, { sample: 0 });
  await weir.curl(`${origin.url}/page`);
  await weir.stop();
  expect(sink.requests).toBe(0);
});

test('a collector that is busy gets the spans later, one that refuses them does not, and each is said once', async () => {
  await using sink = await Collector.open(503);
  const said: string[] = [];
  const options = {
    ...{ endpoint: sink.url, headers: {}, sample: 1, follow: false, service: 'lab' },
    pauseMs: 10,
  };
  const tracer = new Tracer(options, (level, message) => said.push(`${level} ${message}`));
  const span = (name: string) => ({
    ...{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), parentId: null, name, error: null },
    ...{ kind: 'internal' as const, startedAt: 0, endedAt: 1, attributes: {} },
  });
  tracer.export(Array.from({ length: 512 }, (_, i) => span(`s${i}`))); // a full batch goes at once
  await sink.until(() => sink.requests === 1);
  await sink.until(() => sink.spans.length === 512);
  expect(tracer.dropped).toBe(0);
  await tracer.close();
  expect(said.map((line) => line.slice(0, 30))).toEqual([
    'warn traces cannot be exported',
    'info traces are exported again',
  ]);
});

test('what waits is bounded, and what is lost is counted', async () => {
  const options = { endpoint: 'http://127.0.0.1:1/', headers: {}, sample: 1, follow: false, service: 'lab' };
  const tracer = new Tracer(options, () => {});
  const span = {
    ...{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), parentId: null, name: 'x', error: null },
    ...{ kind: 'internal' as const, startedAt: 0, endedAt: 1, attributes: {} },
  };
  for (let i = 0; i < 100; i++) tracer.export(Array.from({ length: 100 }, () => span));
  expect(tracer.dropped).toBeGreaterThanOrEqual(10_000 - 8192 - 512);
  await tracer.close();
  expect(tracer.dropped).toBe(10_000);
});

test.each([
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00', false],
  ['01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later', true],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', null],
  ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', null],
  ['00-00000000000000000000000000000000-b7ad6b7169203331-01', null],
  ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', null],
  ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', null],
  ['nonsense', null],
])('traceparent %s is sampled: %s', (value, sampled) => {
  expect(traceparentOf(['TraceParent', value])?.sampled ?? null).toBe(sampled);
});
