// Clients of other makes through one Weir, each set up as its documents say: a page, a virus, an upload, a
// large body, and several requests on one connection. curl is clients-curl.int.test.ts.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ExtendOptions, got } from 'got';
import { fetch as fetchThrough, ProxyAgent } from 'undici';
import { CLEAN_TEXT, MEGABYTE, type Origins, sha256, startOrigins } from '../e2e/lab.ts';
import { eicar } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startGitOrigin } from '../support/peers/git-origin.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { type ClientOptions, type ClientResult, runClient } from '../support/peers/run-client.ts';
import { connectThrough } from '../support/rawClient.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const SLOW = 60_000; // a Java machine, on a busy one

let weir: LocalWeir;
let origins: Origins;
let home: TempDir;
let proxy: string;
let upload: string;

beforeAll(async () => {
  home = await tempDir('weir-clients-');
  upload = await home.write('upload.bin', MEGABYTE);
  origins = await startOrigins();
  // A client that leaves after its handshake, as s_client does, is not to be taken for one that pins.
  weir = await startTestWeir({ proxy: { tls: { strict: true } } });
  proxy = `http://127.0.0.1:${weir.proxyPort}`;
});
afterAll(async () => {
  for (const part of [weir, origins, home]) await part?.[Symbol.asyncDispose]();
});

const run = (command: string, args: readonly string[], more: Partial<ClientOptions> = {}) =>
  runClient(command, args, { home: home.path, ...more });
const secure = (path: string): string => origins.url('https', path);

/** What a client printed, a JSON text. @throws with its standard error when it has failed */
function printed({ exitCode, stdout, stderr }: ClientResult): unknown {
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}

/** What the programs below print. */
const EXPECTED = {
  page: CLEAN_TEXT.length,
  blocked: 403,
  upload: sha256(MEGABYTE),
  large: 20 * 2 ** 20,
};

const PYTHON = `
import json, sys, requests
base, path = sys.argv[1:]
with requests.Session() as session:
    page = session.get(base + '/clean')
    blocked = session.get(base + '/eicar')
    with open(path, 'rb') as file:
        upload = session.post(base + '/upload', data=file)
    large = session.get(base + '/20m')
    print(json.dumps({'page': len(page.text), 'blocked': blocked.status_code, 'upload': upload.text,
                      'large': len(large.content)}))
`;

describeWithPeer('requests', () => {
  test('Python requests gets pages, a 403 for a virus, and sends a file', async () => {
    const env = { HTTPS_PROXY: proxy, REQUESTS_CA_BUNDLE: weir.caPath };
    const result = await run('/usr/bin/python3', ['-c', PYTHON, secure(''), upload], { env });
    expect(printed(result)).toEqual(EXPECTED);
    const blocked = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/eicar'));
    expect(blocked[0]!.verdict).toBe('blocked');
  });

  test('Python requests trusts nothing of Weir without its CA', async () => {
    const env = { HTTPS_PROXY: proxy };
    const result = await run('/usr/bin/python3', ['-c', PYTHON, secure(''), upload], { env });
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringContaining('CERTIFICATE_VERIFY_FAILED'),
    ]);
  });
});

describeWithPeer('git', () => {
  test(
    'git clones over https, pushes a commit back, and clones that',
    async () => {
      const root = home.join('served');
      await mkdir(root);
      const git = requirePeer('git');
      const config = {
        'http.proxy': proxy,
        'http.version': 'HTTP/2',
        'http.sslCAInfo': weir.caPath,
        'user.name': 'T',
        'user.email': 't@t',
      };
      const settings = Object.entries(config).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
      const env = { GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
      const ok = async (...args: string[]): Promise<string> => {
        const { exitCode, stdout, stderr } = await run(git, [...settings, ...args], { env });
        if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
        return stdout.trim();
      };
      const commit = async (folder: string, name: string, content: Buffer | string): Promise<void> => {
        await writeFile(`${folder}/${name}`, content);
        await ok('-C', folder, 'add', '.');
        await ok('-C', folder, 'commit', '-q', '-m', name);
      };
      await ok('init', '-q', '--bare', '-b', 'main', `${root}/project.git`);
      await using origin = await startGitOrigin(root);
      const url = `https://origin.test:${origin.port}/project.git`;
      const [mine, yours] = [home.join('mine'), home.join('yours')];
      await ok('clone', '-q', url, mine);
      await commit(mine, 'large.bin', MEGABYTE);
      await ok('-C', mine, 'push', '-q', 'origin', 'HEAD:main');
      await ok('clone', '-q', url, yours);
      expect(sha256(await readFile(`${yours}/large.bin`))).toBe(sha256(MEGABYTE));
      expect(await ok('-C', yours, 'rev-parse', 'HEAD')).toBe(await ok('-C', mine, 'rev-parse', 'HEAD'));
      const posts = await weir.logged(
        ({ kind, url: seen }) => kind === 'proxy' && seen.includes('git-receive-pack'),
        2,
      );
      expect(posts.every(({ verdict, tls }) => verdict === 'allowed' && tls!.action === 'bump')).toBe(true);
    },
    SLOW,
  );
});

const JAVA = `
import java.net.*;
import java.net.http.*;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;

class Client {
  public static void main(String[] args) throws Exception {
    var client = HttpClient.newBuilder()
        .proxy(ProxySelector.of(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])))).build();
    var page = client.send(request(args[1] + "/clean").build(), BodyHandlers.ofString());
    var blocked = client.send(request(args[1] + "/eicar").build(), BodyHandlers.ofString());
    var upload = client.send(request(args[1] + "/upload")
        .POST(HttpRequest.BodyPublishers.ofFile(Path.of(args[2]))).build(), BodyHandlers.ofString());
    var large = client.send(request(args[1] + "/20m").build(), BodyHandlers.ofByteArray());
    System.out.printf("{\\"page\\":%d,\\"blocked\\":%d,\\"upload\\":\\"%s\\",\\"large\\":%d,\\"version\\":\\"%s\\"}",
        page.body().length(), blocked.statusCode(), upload.body(), large.body().length, page.version());
  }

  static HttpRequest.Builder request(String url) {
    return HttpRequest.newBuilder(URI.create(url));
  }
}
`;

describeWithPeer(['java', 'keytool'], () => {
  test(
    'the HTTP client of Java gets pages by HTTP/2, a 403 for a virus, and sends a file',
    async () => {
      const store = home.join('trust.p12');
      const password = ['-storepass', 'changeit'];
      const file = ['-keystore', store, '-file', weir.caPath];
      const made = await run(requirePeer('keytool'), [
        '-importcert',
        '-noprompt',
        '-alias',
        'weir',
        ...password,
        ...file,
      ]);
      expect([made.exitCode, made.stdout]).toEqual([0, '']);
      const source = await home.write('Client.java', JAVA);
      const trust = [`-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit'];
      const args = [String(weir.proxyPort), secure(''), upload];
      const result = await run('java', [...trust, '-XX:TieredStopAtLevel=1', source, ...args]);
      expect(printed(result)).toEqual({ ...EXPECTED, version: 'HTTP_2' });
    },
    SLOW,
  );
});

describeWithPeer('wget', () => {
  const wget = (...args: string[]): Promise<ClientResult> =>
    run(requirePeer('wget'), ['--no-config', '--tries=1', '--ca-certificate', weir.caPath, ...args], {
      env: { https_proxy: proxy },
    });

  test('wget fetches two files on one connection, and sends one', async () => {
    const got = await wget('-nv', '-P', home.join('wget'), secure('/20m'), secure('/1m'));
    expect([got.exitCode, got.stderr]).toEqual([0, expect.stringContaining('Downloaded: 2 files')]);
    expect(sha256(await readFile(home.join('wget/1m')))).toBe(sha256(MEGABYTE));
    const sent = await wget('-q', '-O', '-', `--post-file=${upload}`, secure('/upload'));
    expect([sent.exitCode, sent.stdout]).toEqual([0, sha256(MEGABYTE)]);
  });

  test('wget gets 403 and no file in place of a virus', async () => {
    const got = await wget('-nv', '-O', home.join('virus'), secure('/eicar.zip'));
    expect([got.exitCode, got.stderr]).toEqual([8, expect.stringContaining('ERROR 403')]);
    expect(await readFile(home.join('virus'))).toHaveLength(0);
  });

  test('wget continues a download that it has a part of', async () => {
    await home.write('1m-part', MEGABYTE.subarray(0, 300_000));
    const got = await wget('-q', '-c', '-O', home.join('1m-part'), secure('/1m'));
    expect(got.stderr).toBe('');
  });
});

describeWithPeer('openssl', () => {
  test.each([['-tls1_2'], ['-tls1_3']])(
    'openssl s_client %s verifies the chain and speaks inside',
    async (version) => {
      const authority = `origin.test:${origins.port('https')}`;
      const wire = `GET /clean HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`;
      const result = await run(
        requirePeer('openssl'),
        [
          ...[
            's_client',
            '-proxy',
            `127.0.0.1:${weir.proxyPort}`,
            '-connect',
            authority,
            version,
            '-ign_eof',
          ],
          ...['-servername', 'origin.test', '-CAfile', weir.caPath, '-verify_return_error'],
          ...['-verify_hostname', 'origin.test'],
        ],
        { stdin: wire },
      );
      expect(result.exitCode).toBe(0);
      expect(result.stdout).toContain('Verify return code: 0 (ok)');
      expect(result.stdout).toContain(CLEAN_TEXT);
    },
  );
});

test('undici of Node, by ProxyAgent, gets pages, a 403 for a virus, and sends a file', async () => {
  const dispatcher = new ProxyAgent({ uri: proxy, requestTls: { ca: weir.ca } });
  try {
    const get = (path: string) => fetchThrough(secure(path), { dispatcher });
    const sent = await fetchThrough(secure('/upload'), { method: 'POST', body: MEGABYTE, dispatcher });
    const large = createHash('sha256');
    let bytes = 0;
    for await (const chunk of (await get('/20m')).body!) {
      bytes += (chunk as Uint8Array).length;
      large.update(chunk as Uint8Array);
    }
    const blocked = await get('/eicar');
    expect(await blocked.text()).not.toContain(eicar().toString());
    expect({
      page: (await (await get('/clean')).text()).length,
      blocked: blocked.status,
      upload: await sent.text(),
      large: bytes,
    }).toEqual(EXPECTED);
  } finally {
    await dispatcher.close();
  }
});

/** What a tunnelling agent of the registry is: an agent whose connections are CONNECT and a handshake. */
class TunnelAgent extends https.Agent {
  override createConnection(
    { host, port }: https.RequestOptions,
    done?: (error: Error | null, stream: Duplex) => void,
  ): null {
    connectThrough(weir.proxyPort, `${host}:${port}`, { ca: weir.ca }).then(
      (socket) => done!(null, socket),
      (error: Error) => done!(error, undefined as never),
    );
    return null;
  }
}

/** The part of http2-wrapper, which got speaks HTTP/2 with, that this needs; it has no types of its own. */
interface Http2Wrapper {
  readonly proxies: { readonly Http2OverHttp: new (options: object) => { destroy(): void } };
  request(url: URL, options: object): unknown;
}

describe('got', () => {
  const wrapper = createRequire(createRequire(import.meta.url).resolve('got'))(
    'http2-wrapper',
  ) as Http2Wrapper;

  const overHttp1 = (): [ExtendOptions, { destroy(): void }] => {
    const agent = new TunnelAgent({ keepAlive: true });
    return [{ agent: { https: agent } }, agent];
  };
  const overHttp2 = (): [ExtendOptions, { destroy(): void }] => {
    const agent = new wrapper.proxies.Http2OverHttp({ proxyOptions: { url: new URL(proxy) } });
    // Without `request` got would ask the origin for its protocol, past the proxy.
    const request = (url: URL, options: object): unknown => wrapper.request(url, { ...options, agent });
    return [{ http2: true, request: request as NonNullable<ExtendOptions['request']> }, agent];
  };

  test.each([
    ['1.1', overHttp1],
    ['2.0', overHttp2],
  ])('got by HTTP/%s gets pages, a 403 for a virus, and sends a file', async (version, way) => {
    const [options, agent] = way();
    try {
      const client = got.extend({
        ...options,
        throwHttpErrors: false,
        retry: { limit: 0 },
        https: { certificateAuthority: weir.ca },
      });
      const page = await client(secure('/clean'));
      const blocked = await client(secure('/eicar'));
      expect({
        page: page.body.length,
        blocked: blocked.statusCode,
        upload: (await client.post(secure('/upload'), { body: MEGABYTE })).body,
        large: (await client(secure('/20m')).buffer()).length,
        version: page.httpVersion,
      }).toEqual({ ...EXPECTED, version });
    } finally {
      agent.destroy();
    }
  });
});
