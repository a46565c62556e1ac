// apt, which fetches its lists in parallel on one connection, resumes downloads and checks every hash itself.

import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sha256 } from '../e2e/lab.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { type ClientResult, runClient } from '../support/peers/run-client.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const PACKAGE = Buffer.alloc(300_000, 'debian package ');

describeWithPeer('apt-get', () => {
  let weir: LocalWeir;
  let origin: OriginServer;
  let home: TempDir;

  beforeAll(async () => {
    const files: Record<string, Buffer> = { '/tiny.deb': PACKAGE, '/evil.deb': eicar() };
    files['/Packages'] = Buffer.from(
      ['tiny', 'evil']
        .map((name) => {
          const content = files[`/${name}.deb`]!;
          const entry = { Package: name, Version: '1', Architecture: 'all', Maintainer: 'T <t@t>' };
          const file = { Filename: `./${name}.deb`, Size: content.length, SHA256: sha256(content) };
          return Object.entries({ ...entry, ...file, Description: name })
            .map(([field, value]) => `${field}: ${value}\n`)
            .join('');
        })
        .join('\n'),
    );
    origin = await originServer(
      (request, response) => {
        const content = files[request.url!.replace('/./', '/')];
        if (content === undefined) response.writeHead(404).end();
        else response.end(content);
      },
      { tls: true },
    );
    weir = await startTestWeir();
    home = await tempDir('weir-apt-');
    for (const folder of ['state/lists/partial', 'cache/archives/partial']) {
      await mkdir(home.join(folder), { recursive: true });
    }
    await home.write('sources.list', `deb [trusted=yes] https://origin.test:${origin.port}/ ./\n`);
    await home.write('status', '');
  });

  afterAll(async () => {
    for (const part of [weir, origin, home]) await part?.[Symbol.asyncDispose]();
  });

  function apt(...args: string[]): Promise<ClientResult> {
    const options = {
      'Acquire::https::Proxy': `http://127.0.0.1:${weir.proxyPort}`,
      'Acquire::https::CAInfo': weir.caPath,
      'Acquire::Retries': '0',
      'APT::Sandbox::User': 'root',
      'Dir::Etc::sourcelist': home.join('sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State': home.join('state'),
      'Dir::State::status': home.join('status'),
      'Dir::Cache': home.join('cache'),
    };
    const settings = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    return runClient(requirePeer('apt-get'), [...settings, ...args], { home: home.path });
  }

  test('apt-get fetches lists and a package, and keeps nothing of an infected one', async () => {
    const update = await apt('update');
    expect([update.exitCode, update.stderr]).toEqual([0, '']);
    expect((await apt('download', 'tiny')).exitCode).toBe(0);
    const evil = await apt('download', 'evil');
    expect(evil.exitCode).toBe(100);
    expect(evil.stderr).toMatch(/403 {2}Forbidden/);
    const [blocked] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/evil.deb'));
    expect(blocked!.verdict).toBe('blocked');
    const [passed] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/tiny.deb'));
    expect([passed!.verdict, passed!['bytesOut']]).toEqual(['allowed', PACKAGE.length]);
  });
});
