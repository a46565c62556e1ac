// The API of a running Weir: what went through it, what decided, what was stopped, and what surrounds it.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar, eicarZip } from '../support/eicar.ts';
import type { OriginServer } from '../support/originServer.ts';
import { originServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { ApiClient } from './api-client.ts';

const PACKED = eicarZip();
const BODIES: Readonly<Record<string, Buffer>> = { '/eicar': eicar(), '/packed': PACKED };
const HOSTILE = '<script>alert(1)</script>';
const SHELL = '\'; touch /tmp/owned; echo $(id) `id` "';

let weir: LocalWeir;
let api: ApiClient;
let origin: OriginServer;

beforeAll(async () => {
  origin = await originServer(
    (request, response) => {
      response.setHeader('X-Hostile', HOSTILE);
      response.end(BODIES[request.url!] ?? 'content');
    },
    { tls: true },
  );
  weir = await startTestWeir({
    profiles: { keeping: { base: 'optimized', quarantine: 'content' } },
    gateway: {
      services: { sandblast: { profile: 'keeping' } },
      quarantine: { folder: 'quarantine' },
      verdicts: { folder: 'verdicts' },
    },
    adaptation: {
      rules: [
        { point: 'respmod', use: ['sandblast'] },
        { point: 'reqmod', use: ['sandblast'], when: { methods: ['POST'] } },
      ],
    },
  });
  api = new ApiClient(weir);
  await weir.curl(
    `${origin.url}/page?q=${encodeURIComponent(HOSTILE)}`,
    '-H',
    `X-Note: ${SHELL}`,
    '-H',
    'Cookie: secret=1',
  );
  await weir.curl(`${origin.url}/eicar`);
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

async function idOf(query: string): Promise<string> {
  const { json } = await api.ask(`/api/transactions?${query}`);
  return json.items[0].id as string;
}

describe('/api/status and /api/overview', () => {
  test('tell version, addresses, counts and what there is', async () => {
    const { status, json } = await api.ask('/api/status');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+/),
      inspection: true,
      ready: true,
      addresses: { proxy: [`127.0.0.1:${weir.proxyPort}`], services: expect.arrayContaining(['/sandblast']) },
      counts: { transactions: 2, allowed: 1, blocked: 1 },
      features: { traces: true, policyWritable: false, proxy: true, gateway: true },
    });
  });

  test('the time line has a bucket a minute, and the last one what has just happened', async () => {
    const { json } = await api.ask('/api/overview?minutes=60');
    expect(json).toMatchObject({ bucketMs: 60_000, totals: { transactions: 2, blocked: 1 } });
    expect(json.buckets).toHaveLength(60);
    const sum = json.buckets.reduce((all: number, bucket: { blocked: number }) => all + bucket.blocked, 0);
    expect(sum).toBe(1);
    expect(json.top.threats).toEqual([{ name: expect.stringMatching(/eicar/i), count: 1 }]);
    expect((await api.ask('/api/overview?minutes=1440')).json).toMatchObject({ bucketMs: 720_000 });
    for (const minutes of ['0', '1441', 'x', '-1', '1e3']) {
      expect((await api.ask(`/api/overview?minutes=${minutes}`)).status).toBe(400);
    }
  });
});

describe('/api/transactions', () => {
  test('lists the last ones, newest first, by each condition', async () => {
    const { json } = await api.ask('/api/transactions');
    expect(json).toMatchObject({ kept: 2, forgotten: 0, next: null });
    expect(json.items).toMatchObject([
      {
        verdict: 'blocked',
        status: 403,
        threat: expect.stringMatching(/eicar/i),
        tls: 'bump',
        host: 'localhost',
      },
      {
        verdict: 'allowed',
        status: 200,
        method: 'GET',
        services: [{ name: 'sandblast', method: 'RESPMOD' }],
      },
    ]);
    for (const [query, count] of [
      ['verdict=blocked', 1],
      ['verdict=blocked,allowed', 2],
      ['host=localhost', 2],
      ['host=other.test', 0],
      ['method=get&status=4xx', 1],
      ['status=200', 1],
      ['q=EICAR', 1],
      ['service=sandblast', 2],
      ['client=192.0.2.1', 0],
      ['limit=1', 1],
    ] as const) {
      expect((await api.ask(`/api/transactions?${query}`)).json.items).toHaveLength(count);
    }
    expect((await api.ask('/api/transactions?limit=0')).status).toBe(400);
  });

  test('goes on page by page', async () => {
    const first = (await api.ask('/api/transactions?limit=1')).json;
    const second = (await api.ask(`/api/transactions?limit=1&before=${first.next}`)).json;
    expect([first.items[0].verdict, second.items[0].verdict]).toEqual(['blocked', 'allowed']);
    expect(second.next).toBeNull();
  });

  test('tells all of one: trace, story, and the page that the user saw by its id as well', async () => {
    const { json } = await api.ask('/api/transactions?verdict=blocked');
    const { id, incident } = json.items[0];
    const one = (await api.ask(`/api/transactions/${id}`)).json;
    expect(one.trace).toMatchObject({
      id,
      verdict: 'blocked',
      decided: expect.stringContaining('adaptation.rules'),
    });
    expect(one.story[0]).toMatchObject({ mark: 'bad', text: expect.stringContaining(id) });
    expect((await api.ask(`/api/transactions/${incident}`)).json.summary.id).toBe(id);
    expect((await api.ask('/api/transactions/W-0000000000000')).status).toBe(404);
    expect((await api.ask('/api/transactions/%00')).status).toBe(404);
  });

  test('what peers have sent comes as JSON text that no browser takes for a page, without secrets', async () => {
    const id = await idOf('verdict=allowed');
    const { text, headers } = await api.ask(`/api/transactions/${id}`);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(text).toContain('alert(1)');
    expect(text).not.toContain('secret=1');
  });

  test('gives HAR 1.2 with what ICAP did', async () => {
    const id = await idOf('verdict=blocked');
    const { headers, json } = await api.ask(`/api/transactions/${id}/har`);
    expect(headers['content-disposition']).toBe(`attachment; filename="${id}.har"`);
    expect(json.log).toMatchObject({ version: '1.2', creator: { name: 'Weir' } });
    const [entry] = json.log.entries;
    expect(entry).toMatchObject({
      request: { method: 'GET', url: `${origin.url}/eicar`, cookies: [], queryString: [] },
      response: { status: 403, content: { size: expect.any(Number) } },
      timings: { send: 0, wait: expect.any(Number), receive: expect.any(Number) },
      _verdict: 'blocked',
      _icap: { respmod: [{ use: 'sandblast' }] },
    });
  });

  test('gives commands that a shell takes as they are meant, whatever the peer has sent', async () => {
    const id = await idOf('verdict=allowed');
    const { json } = await api.ask(`/api/transactions/${id}/commands`);
    expect(json.why).toBe(`weir why ${id}`);
    expect(json.curlThroughProxy).toContain(`-x http://127.0.0.1:${weir.proxyPort}`);
    expect(json.icap[0].command).toContain('weir icap respmod icap://127.0.0.1:');
    expect(json.curl).not.toContain('secret');
    const { words } = await shellWords(json.curl);
    expect(words).toContain(`x-note: ${SHELL}`);
    expect(words.at(-1)).toBe(`${origin.url}/page?q=${encodeURIComponent(HOSTILE)}`);
  });
});

describe('/api/services', () => {
  test('tells latency, verdicts and circuit of each', async () => {
    const { json } = await api.ask('/api/services');
    expect(json.services).toMatchObject([
      {
        name: 'sandblast',
        state: 'up',
        circuit: 'closed',
        verdicts: { allowed: 1, blocked: 1 },
        doctor: null,
      },
    ]);
    expect(json.services[0].latency).toMatchObject({ count: 2, p50: expect.any(Number) });
  });

  test('a doctor examines one, once at a time, and the job tells what it found', async () => {
    const body = { only: ['options', 'istag'] };
    const started = await api.ask('/api/services/sandblast/doctor', { method: 'POST', body });
    expect(started).toMatchObject({ status: 202, json: { job: expect.stringMatching(/^[0-9a-f]{16}$/) } });
    const again = await api.ask('/api/services/sandblast/doctor', { method: 'POST' });
    expect(again.json.job).toBe(started.json.job);
    using viewer = await api.watch();
    const { job } = await viewer.hears('job', (message) => message.job.state !== 'running');
    expect(job).toMatchObject({ id: started.json.job, state: 'done', subject: 'sandblast', error: null });
    expect(job.checks.filter(({ status }) => status === 'pass').length).toBeGreaterThan(5);
    expect((await api.ask(`/api/jobs/${job.id}`)).json.checks).toHaveLength(job.progress.total);
    expect((await api.ask('/api/services')).json.services[0]).toMatchObject({
      doctor: job.id,
      optionsHead: null,
    });
    expect((await api.ask('/api/jobs/none')).status).toBe(404);
    expect((await api.ask('/api/services/none/doctor', { method: 'POST' })).status).toBe(404);
    const unknown = { method: 'POST', body: { only: ['nonsense'] } };
    expect((await api.ask('/api/services/sandblast/doctor', unknown)).status).toBe(400);
  });
});

describe('what surrounds the traffic', () => {
  test('the CA with the steps for each platform', async () => {
    const { json } = await api.ask('/api/trust');
    expect(json).toMatchObject({
      fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      proxy: `127.0.0.1:${weir.proxyPort}`,
    });
    expect(json.platforms.map(({ platform }: { platform: string }) => platform)).toContain('windows');
    for (const { path } of json.downloads) expect((await api.raw(path)).status).toBe(200);
  });

  test('plugins, learned hosts, incidents', async () => {
    expect((await api.ask('/api/plugins')).json.items).toMatchObject([
      { name: 'antivirus', blades: ['antivirus'] },
    ]);
    expect((await api.ask('/api/learned')).json).toEqual({ items: [] });
    expect((await api.ask('/api/learned?host=a.test', { method: 'DELETE' })).status).toBe(404);
    expect((await api.ask('/api/learned', { method: 'DELETE' })).status).toBe(400);
    expect((await api.ask('/api/panels/none/none')).status).toBe(404);
    expect((await api.ask('/api/incidents')).status).toBe(200);
  });
});

describe('what was blocked', () => {
  async function blocked(): Promise<string> {
    const { json } = await api.ask('/api/transactions?verdict=blocked');
    return json.items[0].incident as string;
  }

  test('is an incident, told to whoever watches, and kept where the profile says so', async () => {
    using viewer = await api.watch();
    await weir.curl(`${origin.url}/packed`);
    const { incident } = await viewer.hears('incident');
    expect(incident).toMatchObject({
      kind: 'block',
      threat: expect.stringMatching(/eicar/i),
      quarantined: true,
    });
    const { items } = (await api.ask('/api/incidents?limit=1')).json;
    expect(items).toMatchObject([{ id: incident.id, url: `${origin.url}/packed` }]);
    const kept = (await api.ask('/api/quarantine')).json;
    expect(kept.items[0]).toMatchObject({ id: incident.id, bytes: PACKED.length, released: false });
    expect((await api.ask(`/api/quarantine/${incident.id}`)).json.threat).toBe(incident.threat);
  });

  test('can be taken out as a file that no browser shows', async () => {
    const { status, headers, text } = await api.ask(`/api/quarantine/${await blocked()}/download`);
    expect(status).toBe(200);
    expect(text).toBe(PACKED.toString());
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': expect.stringMatching(/^attachment; filename="W-\w+\.quarantined"$/),
      'content-security-policy': "default-src 'none'; sandbox",
    });
  });

  test('passes once it is allowed or released, with a line in the log, and can be deleted', async () => {
    const id = await blocked();
    const post = (path: string) => api.ask(path, { method: 'POST', body: { reason: 'a false alarm' } });
    expect((await post(`/api/incidents/${id}/allow-once`)).json).toMatchObject({ released: true });
    expect((await post(`/api/quarantine/${id}/release`)).json.sha256).toMatch(/^[0-9a-f]{64}$/);
    await weir.logged((record) => record['reason'] === 'a false alarm', 2);
    expect((await api.ask(`/api/quarantine/${id}`)).json.released).toBe(true);
    const del = () => api.ask(`/api/quarantine/${id}`, { method: 'DELETE' });
    expect((await del()).json).toEqual({ removed: true });
    expect((await del()).status).toBe(404);
    for (const path of ['/api/quarantine/x/release', '/api/incidents/..%2fx/allow-once']) {
      expect((await post(path)).status).toBe(404);
    }
    expect((await api.ask('/api/quarantine/..%2f..%2fweir.yaml/download')).status).toBe(404);
  });
});

test('panels of plugins tell plain data, and nothing where there is no such panel', async () => {
  await using folder = await tempDir();
  const use = await folder.write(
    'board.mjs',
    `export default { [Symbol.for('weir.plugin')]: 1, name: 'board', version: '1.2.0', setup(context) {
      context.panel({ id: 'now', title: 'Now', data: () => ({ parts: [{ kind: 'text', text: '<b>hi</b>' }] }) });
    } };`,
  );
  await using other = await startTestWeir({ plugins: [{ use }] });
  const asked = new ApiClient(other);
  const { items } = (await asked.ask('/api/plugins')).json;
  expect(items).toMatchObject([{ name: 'board', version: '1.2.0', panels: [{ id: 'now', title: 'Now' }] }]);
  expect((await asked.ask('/api/panels/board/now')).json).toEqual({
    ...{ plugin: 'board', id: 'now', title: 'Now' },
    data: { parts: [{ kind: 'text', text: '<b>hi</b>' }] },
  });
  expect((await asked.ask('/api/panels/board/then')).status).toBe(404);
});

test('a method that a path does not have is told with those that it has', async () => {
  const { status, headers } = await api.ask('/api/policy', { method: 'DELETE' });
  expect(status).toBe(405);
  expect(headers.allow).toBe('GET, HEAD, PUT');
  expect(await api.ask('/api/status', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

/** The words that sh makes of a command. */
async function shellWords(command: string): Promise<{ words: string[] }> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const script = `set -- ${command}; printf '%s\\0' "$@"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', script]);
  return { words: stdout.split('\0').slice(0, -1) };
}
