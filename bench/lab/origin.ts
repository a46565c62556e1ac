// The origin of the run: nginx with TLS and without, serving one file for each body size. Where nginx is
// not installed, a small Node server takes its place (node-origin.ts) and the page says so.
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, LOAD_CORE, startServer, type Server } from '../host/child.ts';
import { hasCommand } from '../host/requirements.ts';
import { BODY_SIZES, originPath } from '../works.ts';
import type { Certificates } from './certificates.ts';

const BLOCK_BYTES = 1024 * 1024;

export interface Origin {
  readonly server: Server;
  readonly tlsPort: number;
  readonly plainPort: number;
}

function writeFiles(folder: string): void {
  mkdirSync(folder, { recursive: true });
  // Noise, so that nothing on the way can profit from compressible bytes.
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));
  for (const size of BODY_SIZES) {
    const file = openSync(join(folder, originPath(size)), 'w');
    for (let written = 0; written < size; written += BLOCK_BYTES) writeSync(file, block);
    ftruncateSync(file, size);
    closeSync(file);
  }
}

function nginxConfiguration(
  folder: string,
  ports: { tls: number; plain: number },
  certificates: Certificates,
): string {
  // As root, nginx would serve as a user that cannot read the run's folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `${user}
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  default_type application/octet-stream;
${temporary.map((name) => `  ${name}_temp_path ${join(folder, name)};`).join('\n')}
  map $ssl_server_name $certificate {
    default default;
    "~^n(?<block>[0-9]+)-[0-9]+\\.test$" $block;
  }
  server {
    listen 127.0.0.1:${ports.plain};
    root ${join(folder, 'files')};
  }
  server {
    listen 127.0.0.1:${ports.tls} ssl;
    root ${join(folder, 'files')};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${certificates.folder}/$certificate.pem;
    ssl_certificate_key ${certificates.key};
  }
}
`;
}

/**
 * Starts the origin on the load's core.
 *
 * @param folder  the run's own folder
 * @throws {Error} it did not start; the message has its output
 */
export async function startOrigin(folder: string, certificates: Certificates): Promise<Origin> {
  writeFiles(join(folder, 'files'));
  const ports = { tls: await freePort(), plain: await freePort() };
  const common = { name: 'origin', core: LOAD_CORE, port: ports.tls };
  if (hasCommand('nginx')) {
    const configuration = join(folder, 'nginx.conf');
    writeFileSync(configuration, nginxConfiguration(folder, ports, certificates));
    const args = ['-c', configuration, '-p', folder, '-e', 'stderr', '-g', 'daemon off;'];
    const server = await startServer({ ...common, command: 'nginx', args });
    return { server, tlsPort: ports.tls, plainPort: ports.plain };
  }
  const script = fileURLToPath(new URL('node-origin.ts', import.meta.url));
  const args = [script, String(ports.tls), String(ports.plain), certificates.folder, certificates.key];
  const server = await startServer({
    ...common,
    command: process.execPath,
    args: ['--import', 'tsx', ...args],
  });
  return { server, tlsPort: ports.tls, plainPort: ports.plain };
}
