// nginx as an origin of HTTP/2: files of a folder over TLS, and what is posted to /upload counted.

import { chmod } from 'node:fs/promises';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { ORIGIN_NAMES } from '../originServer.ts';
import { testCa } from '../testCa.ts';
import { requirePeer } from './requirePeer.ts';

export interface Nginx extends AsyncDisposable {
  readonly port: number;
}

/**
 * Starts nginx on a free port.
 * @param files  content by name
 * @param directives  more lines of its `server` block
 */
export async function startNginx(
  files: Readonly<Record<string, Buffer>>,
  directives: readonly string[] = [],
): Promise<Nginx> {
  const command = requirePeer('nginx');
  const folder = await tempDir('weir-nginx-');
  try {
    await chmod(folder.path, 0o755);
    const port = await freePort();
    const { key, cert } = await (await testCa()).issue(ORIGIN_NAMES);
    const keyPath = await folder.write('key.pem', key);
    const certPath = await folder.write('cert.pem', cert);
    for (const [name, content] of Object.entries(files)) await folder.write(name, content);
    const own = (name: string): string => folder.join(name);
    const config = await folder.write(
      'nginx.conf',
      [
        'daemon off; master_process off; user root; worker_processes 1;',
        `pid ${own('pid')}; error_log stderr error;`,
        'events { worker_connections 256; }',
        'http {',
        `  access_log off; client_body_temp_path ${own('body')}; proxy_temp_path ${own('proxy')};`,
        `  fastcgi_temp_path ${own('fcgi')}; uwsgi_temp_path ${own('uwsgi')}; scgi_temp_path ${own('scgi')};`,
        '  server {',
        `    listen 127.0.0.1:${port} ssl http2; client_max_body_size 0; root ${folder.path};`,
        `    ssl_certificate ${certPath}; ssl_certificate_key ${keyPath};`,
        '    add_header X-Protocol $server_protocol always;',
        ...directives.map((line) => `    ${line}`),
        '  }',
        '}',
      ].join('\n'),
    );
    const running = await supervise(command, ['-c', config, '-p', folder.path], {
      ready: () => accepts(port),
      impatient: true,
    });
    return {
      port,
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
