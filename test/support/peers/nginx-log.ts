// nginx as an origin: answers 200 to every request that it has read whole, and says which those were.

import { readFile } from 'node:fs/promises';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { requirePeer } from './requirePeer.ts';

export interface LoggingNginx extends AsyncDisposable {
  readonly port: number;
  /**
   * `method target status` of each request that came whole and was answered with 200, as nginx understood it.
   * It writes them a moment after its answers: they are read again, for two seconds, until `enough` says so.
   */
  requests(enough: (lines: readonly string[]) => boolean): Promise<string[]>;
}

/** Starts one worker of nginx on a free port. */
export async function startLoggingNginx(): Promise<LoggingNginx> {
  const command = requirePeer('nginx');
  const folder = await tempDir('weir-nginx-');
  try {
    const port = await freePort();
    const inner = folder.join('inner.sock');
    // The outer server reads bodies to their end before it asks the inner one.
    const config = await folder.write(
      'nginx.conf',
      `daemon off; master_process off; pid ${folder.join('pid')}; error_log ${folder.join('error.log')};
      events { worker_connections 256; }
      http {
        log_format seen '$request_method $request_uri $seen';
        map $request_completion $seen { OK $status; default 000; }
        merge_slashes off; keepalive_requests 100000; large_client_header_buffers 4 64k;
        client_body_temp_path ${folder.join('body')}; proxy_temp_path ${folder.join('proxy')};
        fastcgi_temp_path ${folder.join('f')}; uwsgi_temp_path ${folder.join('u')}; scgi_temp_path ${folder.join('s')};
        access_log off;
        server {
          listen 127.0.0.1:${port};
          access_log ${folder.join('access.log')} seen;
          location / { proxy_pass http://unix:${inner}:; }
        }
        server { listen unix:${inner}; location / { return 200 ok; } }
      }\n`,
    );
    const running = await supervise(
      command,
      ['-c', config, '-p', folder.path, '-e', folder.join('error.log')],
      {
        ready: () => accepts(port),
        impatient: true,
      },
    );
    return {
      port,
      async requests(enough) {
        const giveUpAt = Date.now() + 2000;
        for (;;) {
          const log = await readFile(folder.join('access.log'), 'utf8');
          const lines = log.split('\n').filter((line) => line.endsWith(' 200'));
          if (enough(lines) || Date.now() > giveUpAt) return lines;
        }
      },
      async [Symbol.asyncDispose]() {
        await running.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
