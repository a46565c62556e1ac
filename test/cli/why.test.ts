// `weir why` through a Weir that runs: each kind of ending as users meet it, read back from the store on disk.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { TraceRecord } from '../../src/trace/types.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer, rawOrigin } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import { runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { newTestCa } from '../support/testCa.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const SECRET = 'kept-by-nobody-5f2c';

function site(): Promise<OriginServer> {
  const names = ['site.test'];
  return originServer((request, response) => response.end(request.url === '/bad' ? eicar() : 'fine'), {
    tls: true,
    names,
  });
}

/** `weir why` with the configuration of that Weir. */
const why = (weir: LocalWeir, ...args: string[]) =>
  runCli(['why', ...args, '--config', weir.folder.join('weir.yaml')]);

/** All traces so far, newest last. */
async function traces(weir: LocalWeir): Promise<readonly TraceRecord[]> {
  await weir.weir.traces?.flush();
  const { stdout } = await why(weir, '--last', '1000', '--json');
  return (JSON.parse(stdout) as { traces: TraceRecord[] }).traces;
}

async function lastTrace(weir: LocalWeir): Promise<TraceRecord> {
  return (await traces(weir)).at(-1)!;
}

const story = async (weir: LocalWeir, id: string): Promise<string> => (await why(weir, id)).stdout;

const stored = (weir: LocalWeir): string =>
  readdirSync(weir.folder.join('trace'))
    .map((name) => readFileSync(`${weir.folder.join('trace')}/${name}`, 'utf8'))
    .join('');

/** An ICAP server that answers OPTIONS, and each other request with `answer`; null: it closes instead. */
const icapServer = (answer: string | null) =>
  rawOrigin((socket) => {
    socket.on('data', (data: Buffer) => {
      const isOptions = data.toString('latin1').startsWith('OPTIONS');
      if (isOptions) {
        socket.write(
          'ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nISTag: "one"\r\nPreview: 1024\r\n' +
            'Allow: 204\r\nEncapsulated: null-body=0\r\n\r\n',
        );
      } else if (answer === null) socket.destroy();
      else socket.write(answer);
    });
  });

test('a page that is allowed is told in six steps with the rules that were asked', async () => {
  await using origin = await site();
  await using weir = await startTestWeir();
  const { status } = await weir.curl(`https://site.test:${origin.port}/page`);
  expect(status).toBe(200);
  const trace = await lastTrace(weir);
  const { stdout, exitCode } = await why(weir, trace.id);
  expect(exitCode).toBe(0);
  expect(stdout.match(/^\d .{10}/gm)).toEqual([
    '1  client   ',
    '2  TLS      ',
    '3  REQMOD   ',
    '4  origin   ',
    '5  RESPMOD  ',
    '6  user got ',
  ]);
  expect(stdout).toContain(`GET https://site.test:${origin.port}/page`);
  expect(stdout).toMatch(
    /2 {2}TLS {7}bump of CONNECT site\.test:\d+: SNI site\.test, TLSv1\.3, ALPN (?:h2|http\/1\.1)/,
  );
  expect(stdout).toMatch(/adaptation\.rules\[1\]: respmod, use: sandblast/);
  expect(stdout).toMatch(
    /4 {2}origin {4}site\.test:\d+: status 200, at 127\.0\.0\.1, TLSv1\.3, HTTP\/1\.1, connected in/,
  );
  expect(stdout).toMatch(/6 {2}user got {2}200 OK from the origin, 4 B/);
  expect(trace.decided).toMatch(/^adaptation\.rules\[0\]: allowed by sandblast/);
});

test('a download that is blocked is found by its own id and by the id on the page', async () => {
  await using origin = await site();
  await using weir = await startTestWeir();
  const answer = await weir.curl(`https://site.test:${origin.port}/bad`);
  const incident = answer.header('x-weir-incident')!;
  const trace = await lastTrace(weir);
  expect(trace.incident).toBe(incident);
  expect(await story(weir, incident)).toBe(await story(weir, trace.id));
  const text = await story(weir, incident);
  expect(text).toContain('decided by   adaptation.rules[1]: blocked by sandblast');
  expect(text).toContain('threat       EICAR-Test-File (antivirus)');
  expect(text).toMatch(/403 Forbidden made by the service/);
  expect(await weir.weir.traces!.find(incident)).toEqual(trace);
});

test('an id may be given in small letters and with the letters that base32 lacks', async () => {
  await using origin = await site();
  await using weir = await startTestWeir();
  await weir.curl(`https://site.test:${origin.port}/`);
  const { id } = await lastTrace(weir);
  const spoken = id.slice(2).toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l');
  expect(await story(weir, spoken)).toContain(id);
});

test('a service that is down and may be bypassed names its error and the key that let the message pass', async () => {
  await using origin = await site();
  const port = await freePort();
  await using weir = await startTestWeir({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${port}/av`, onError: 'bypass' } },
      rules: [{ point: 'respmod', use: ['scan'] }],
    },
  });
  await weir.curl(`https://site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace.verdict).toBe('bypassed');
  expect(trace.decided).toBe('adaptation.services.scan.onError: bypass');
  const text = await story(weir, trace.id);
  expect(text).toMatch(/scan: failed after [\d.]+ ms, ERR_ADAPT_UNAVAILABLE/);
  expect(text).toContain('then adaptation.services.scan.onError: bypass');
});

test('a service that blocks on errors names that key, and the page is told as our own', async () => {
  await using origin = await site();
  const port = await freePort();
  await using weir = await startTestWeir({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${port}/av` } },
      rules: [{ point: 'reqmod', use: ['scan'] }],
    },
  });
  const answer = await weir.curl(`https://site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace.id).toBe(answer.header('x-weir-incident'));
  expect(trace).toMatchObject({ verdict: 'error', decided: 'adaptation.services.scan.onError: block' });
  expect(trace.origin).toBeNull();
  expect(await story(weir, trace.id)).toContain("502 Bad Gateway Weir's own page");
});

test('failover shows the attempt that failed with its ICAP request, and the member that answered', async () => {
  await using origin = await site();
  await using broken = await icapServer(null);
  await using weir = await startTestWeir((gatewayPort) => ({
    adaptation: {
      services: {
        first: { url: `icap://127.0.0.1:${broken.port}/av` },
        second: { url: `icap://127.0.0.1:${gatewayPort}/sandblast`, inProcess: false },
      },
      groups: { both: { services: ['first', 'second'] } },
      rules: [{ point: 'respmod', use: ['both'] }],
    },
  }));
  await weir.curl(`https://site.test:${origin.port}/page`);
  const trace = await lastTrace(weir);
  const [first, second] = trace.respmod[0]!.services;
  expect(first).toMatchObject({ service: 'first', after: 'next' });
  expect(first!.attempts[0]!.error?.code).toBe('ERR_ADAPT_UNAVAILABLE');
  expect(first!.attempts[0]!.request[0]).toBe(`RESPMOD icap://127.0.0.1:${broken.port}/av ICAP/1.0`);
  expect(second).toMatchObject({ service: 'second', after: null, error: null });
  const [attempt] = second!.attempts;
  expect(attempt).toMatchObject({ address: `127.0.0.1:${weir.gatewayPort}`, status: 204, preview: 4 });
  expect(attempt!.connectMs! + attempt!.queuedMs).toBeLessThanOrEqual(attempt!.ms);
  expect(attempt!.body).toBeNull();
  const text = await story(weir, trace.id);
  expect(text).toContain('then the next service was asked');
  expect(text).toMatch(/attempt 1 to 127\.0\.0\.1:\d+: 204 [^,]*, preview 4 B \(queued/);
});

test('the answer of an ICAP server is kept with its status and fields', async () => {
  await using origin = await site();
  await using refusing = await icapServer(
    'ICAP/1.0 500 Out of order\r\nISTag: "one"\r\nX-Reason: licence\r\nEncapsulated: null-body=0\r\n\r\n',
  );
  await using weir = await startTestWeir({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${refusing.port}/av`, onError: 'bypass' } },
      rules: [{ point: 'respmod', use: ['scan'] }],
    },
  });
  await weir.curl(`https://site.test:${origin.port}/`);
  const { id } = await lastTrace(weir);
  const { stdout } = await why(weir, id, '--heads');
  expect(stdout).toContain('500 Out of order');
  expect(stdout).toContain('< X-Reason: licence');
});

test('a rule whose condition does not fit is told with what did not fit', async () => {
  await using origin = await site();
  await using weir = await startTestWeir({
    adaptation: {
      rules: [
        { point: 'respmod', use: ['sandblast'], when: { types: ['image/*'] } },
        { point: 'respmod', use: ['sandblast'], when: { hosts: ['other.test'] } },
      ],
    },
  });
  await weir.curl(`https://site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace.respmod.map(({ skipped }) => skipped)).toEqual(['types', 'hosts']);
  expect(trace.decided).toBe('adaptation.rules: none applied');
  expect(await story(weir, trace.id)).toContain(
    'adaptation.rules[0]: respmod, use: sandblast; not for this message (types)',
  );
});

test('a spliced host names the rule of proxy.tls.rules', async () => {
  await using origin = await site();
  await using weir = await startTestWeir({
    proxy: {
      tls: {
        rules: [
          { hosts: ['other.test'], action: 'bump' },
          { hosts: ['site.test'], action: 'splice' },
        ],
      },
    },
  });
  await weir.curl('--insecure', `https://site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace).toMatchObject({ verdict: 'bypassed', decided: 'proxy.tls.rules[1]: splice site.test' });
  const text = await story(weir, trace.id);
  expect(text).toContain('proxy.tls.rules[1]: splice site.test');
  expect(text).toContain('the tunnel, unread');
  expect(text).toContain('SNI site.test');
});

test('a terminated host names the rule, whether CONNECT or the ClientHello named it', async () => {
  await using weir = await startTestWeir({
    proxy: { tls: { rules: [{ hosts: ['shut.test'], action: 'terminate' }] } },
  });
  await weir.curl('https://shut.test/');
  await weir.curl('--connect-to', 'shut.test:443:open.test:443', 'https://shut.test/');
  const seen = await traces(weir);
  expect(seen.map(({ decided }) => decided)).toEqual([
    'proxy.tls.rules[0]: terminate shut.test',
    'proxy.tls.rules[0]: terminate shut.test',
  ]);
});

test('an origin whose certificate is not trusted is told with its error and the key behind it', async () => {
  const stranger = await newTestCa('Nobody knows it');
  await using origin = await originServer((_request, response) => response.end(), {
    tls: true,
    ca: stranger,
    names: ['site.test'],
  });
  await using weir = await startTestWeir();
  await weir.curl(`https://site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace.decided).toBe('proxy.upstream.verify: true');
  expect(trace.origin).toMatchObject({ status: null, error: { code: 'ERR_ORIGIN_UNTRUSTED' } });
  expect(await story(weir, trace.id)).toMatch(/4 {2}origin {4}site\.test:\d+: ERR_ORIGIN_UNTRUSTED after/);
});

test('a client that goes away is told as the reason', async () => {
  await using silent = await rawOrigin(() => {});
  await using weir = await startTestWeir();
  const client = await rawClient(weir.proxyPort);
  const asked = weir.logged((record) => record.error?.code === 'ERR_ABORTED');
  client.send(`GET http://127.0.0.1:${silent.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${silent.port}\r\n\r\n`);
  while (silent.connections() === 0) await new Promise((resolve) => setImmediate(resolve));
  await client[Symbol.asyncDispose]();
  await asked;
  const trace = await lastTrace(weir);
  expect(trace).toMatchObject({
    decided: 'nothing: the other side went away before the end',
    answer: { status: 0 },
  });
  expect(await story(weir, trace.id)).toMatch(/6 {2}user got {2}nothing, after/);
});

test('cookies, passwords and tokens are in no file, whichever way they come', async () => {
  await using origin = await originServer((_request, response) => {
    response.setHeader('Set-Cookie', `session=${SECRET}`);
    response.end('fine');
  });
  await using weir = await startTestWeir((gatewayPort) => ({
    adaptation: {
      services: {
        scan: { url: `icap://joe:${SECRET}@127.0.0.1:${gatewayPort}/sandblast`, inProcess: false },
      },
      rules: [
        { point: 'reqmod', use: ['scan'] },
        { point: 'respmod', use: ['scan'] },
      ],
    },
  }));
  const fields = [
    'Authorization: Bearer',
    'Cookie: a=',
    'X-Api-Key:',
    'X-Auth-Token:',
    'Referer: http://joe:',
  ];
  const given = fields.flatMap((field) => [
    '-H',
    `${field}${field.startsWith('A') ? ' ' : ''}${SECRET}${field.startsWith('R') ? '@site.test/' : ''}`,
  ]);
  await weir.curl(...given, '--data', `password=${SECRET}`, `http://joe:${SECRET}@site.test:${origin.port}/`);
  const trace = await lastTrace(weir);
  expect(trace.reqmod[0]!.services[0]!.attempts[0]!.request).toContain('Authorization: [redacted]');
  expect(trace.request.headers).toContainEqual(['Cookie', '[redacted]']);
  expect(stored(weir)).not.toContain(SECRET);
  expect(stored(weir)).not.toContain(Buffer.from(`joe:${SECRET}`).toString('base64'));
});

test('the start of a preview is kept only where trace.bodies asks for it, and no more of it', async () => {
  await using origin = await originServer((_request, response) => response.end('0123456789 and more'));
  await using weir = await startTestWeir((gatewayPort) => ({
    trace: { folder: './trace', bodies: 10 },
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${gatewayPort}/sandblast`, inProcess: false } },
      rules: [{ point: 'respmod', use: ['scan'] }],
    },
  }));
  await weir.curl(`http://site.test:${origin.port}/`);
  const { body } = (await lastTrace(weir)).respmod[0]!.services[0]!.attempts[0]!;
  expect(Buffer.from(body!, 'base64').toString()).toBe('0123456789');
});

test('transactions at the same time have a trace each, and none has lines of another', async () => {
  await using origin = await originServer((request, response) => response.end(request.url));
  await using weir = await startTestWeir();
  const paths = Array.from({ length: 40 }, (_, index) => `/number-${index}`);
  await Promise.all(paths.map((path) => weir.curl(`http://site.test:${origin.port}${path}`)));
  const seen = await traces(weir);
  expect(seen.map(({ request }) => new URL(request.url).pathname).sort()).toEqual([...paths].sort());
  expect(new Set(seen.map(({ id }) => id)).size).toBe(40);
  for (const { reqmod, respmod } of seen) expect([reqmod.length, respmod.length]).toEqual([1, 1]);
});

test('traces are readable after Weir has stopped, also the last one', async () => {
  await using origin = await site();
  await using weir = await startTestWeir();
  await weir.curl(`https://site.test:${origin.port}/bad`);
  await weir.stop();
  const { stdout, exitCode } = await why(weir, '--last');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^\S+Z {2}W-\w{13} {2}403 {2}blocked .*\/bad {2}EICAR-Test-File\n$/);
});

test('files are readable by their owner alone', async () => {
  await using origin = await site();
  await using weir = await startTestWeir();
  await weir.curl(`https://site.test:${origin.port}/`);
  await weir.weir.traces!.flush();
  const folder = weir.folder.join('trace');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder)) expect(statSync(`${folder}/${name}`).mode & 0o777).toBe(0o600);
});

test('a folder that cannot be written costs one warning and no traffic', async () => {
  await using origin = await site();
  await using weir = await startTestWeir({ trace: { folder: '/dev/null/trace' } });
  for (const path of ['/', '/bad', '/']) {
    await weir.curl(`https://site.test:${origin.port}${path}`);
    await weir.weir.traces!.flush();
  }
  expect((await weir.curl(`https://site.test:${origin.port}/`)).status).toBe(200);
  const warned = await weir.logged((record) => record['code'] === 'ERR_TRACE_STORE');
  expect(warned).toHaveLength(1);
  expect(weir.weir.traces!.dropped).toBe(4);
});

test('nothing is kept where trace.enabled is false, and the command says so', async () => {
  await using origin = await site();
  await using weir = await startTestWeir({ trace: { enabled: false, folder: './trace' } });
  await weir.curl(`https://site.test:${origin.port}/`);
  expect(weir.weir.traces).toBeNull();
  expect(readdirSync(weir.folder.path)).not.toContain('trace');
  const { exitCode, stderr } = await why(weir, 'W-1KYSNCG0GCA5N');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('trace.enabled is false');
});

test('an application behind proxy.reverse is traced as well', async () => {
  await using origin = await originServer((_request, response) => response.end(eicar()));
  await using weir = await startTestWeir({
    proxy: { reverse: [{ listen: '127.0.0.1:0', target: origin.url }] },
  });
  const address = weir.weir.reverseAddresses[0]!;
  const answer = await fetch(`http://${address}/bad`);
  expect(answer.status).toBe(403);
  await answer.arrayBuffer();
  await weir.logged((record) => record.verdict === 'blocked' && record.kind === 'proxy');
  const trace = await lastTrace(weir);
  expect(trace.decided).toBe('adaptation.rules[1]: blocked by sandblast');
  expect(trace.respmod[0]!.answer?.verdict).toBe('blocked');
});

test('an unknown id says how long traces are kept and exits with 1', async () => {
  await using weir = await startTestWeir();
  const { exitCode, stderr, stdout } = await why(weir, 'W-1KYSNCG0GCA5N');
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(stderr).toContain('no trace of W-1KYSNCG0GCA5N');
  expect(stderr).toContain('Traces are kept for 24h and up to 64MiB.');
});

test.each([
  [[], 'give the id of a transaction, or --last'],
  [['W-1KYSNCG0GCA5N', '--last'], 'give the id of a transaction, or --last'],
  [['nonsense'], '"nonsense" is no id'],
  [['--last', '0'], 'Expected a number from 1 to 1000'],
])('wrong usage %j is refused with exit code 2', async (args, text) => {
  const { exitCode, stderr } = await runCli(['why', ...args]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(text);
});

test('control characters of a client do not reach the terminal', async () => {
  await using weir = await startTestWeir();
  const client = await rawClient(weir.proxyPort);
  client.send('GET http://site.test/\u001b[31mred HTTP/1.1\r\nHost: site.test\r\n\r\n');
  await client.until('\r\n\r\n');
  await weir.weir.traces!.flush();
  const { stdout } = await why(weir, '--last');
  expect(stdout).not.toContain('\u001b');
});

test('K-52 a CONNECT that a service refuses is traced with the rule that asked it', async () => {
  await using refusing = await icapServer(
    'ICAP/1.0 200 OK\r\nISTag: "one"\r\nEncapsulated: res-hdr=0, null-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n',
  );
  await using weir = await startTestWeir({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${refusing.port}/av` } },
      rules: [{ point: 'reqmod', use: ['scan'], when: { methods: ['CONNECT'] } }],
    },
  });
  await weir.curl('https://site.test/');
  const trace = await lastTrace(weir);
  expect(trace).toMatchObject({ request: { method: 'CONNECT' }, answer: { status: 403 } });
  expect(trace.decided).toBe('adaptation.rules[0]: blocked by scan');
  expect(trace.reqmod[0]!.services[0]!.attempts[0]).toMatchObject({ status: 200 });
});

test('G-18 an allowed download names what each blade said, however the gateway is reached', async () => {
  await using origin = await site();
  const reached = async (
    settings: Parameters<typeof startTestWeir>[0],
  ): Promise<TraceRecord['respmod'][0]> => {
    await using weir = await startTestWeir(settings);
    await weir.curl(`https://site.test:${origin.port}/page`);
    const trace = await lastTrace(weir);
    expect(trace.verdict).toBe('allowed');
    expect(await story(weir, trace.id)).toMatch(
      /RESPMOD .*\n.* sandblast.*: allowed, ICAP 204, [\d.]+ ms\n {17}blade antivirus: allow, [\d.]+ ms\n/,
    );
    return trace.respmod[0]!;
  };
  const over = (gatewayPort: number) => ({
    adaptation: {
      services: { sandblast: { url: `icap://127.0.0.1:${gatewayPort}/sandblast`, inProcess: false } },
    },
  });
  const allowed = expect.objectContaining({ name: 'antivirus', verdict: 'allow', ms: expect.any(Number) });
  const inProcess = await reached({});
  expect(inProcess.services[0]).toMatchObject({ attempts: [], blades: [allowed] });
  const workers = (port: number) => ({ ...over(port), gateway: { workers: { min: 1, max: 1 } } });
  for (const settings of [over, workers]) {
    const { services } = await reached(settings);
    expect(services[0]).toMatchObject({ attempts: [{ status: 204 }], blades: [allowed] });
    expect(services[0]!.attempts[0]!.request).toContain('X-Weir-Trace: blades');
  }
});

test('findings are told to no ICAP client but the proxy of the same Weir', async () => {
  await using weir = await startTestWeir();
  await using stranger = await rawClient(weir.gatewayPort);
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n';
  stranger.send(
    `RESPMOD icap://127.0.0.1:${weir.gatewayPort}/sandblast ICAP/1.0\r\nHost: 127.0.0.1\r\nAllow: 204\r\n` +
      `X-Weir-Trace: blades\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}4\r\nfine\r\n0\r\n\r\n`,
  );
  const answer = (await stranger.until('\r\n\r\n')).toString('latin1');
  expect(answer).toMatch(/^ICAP\/1\.0 204 /);
  expect(answer).not.toContain('X-Weir-Blades');
});
