// A git server over https: git's own http-backend as a CGI program behind a TLS origin.

import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OriginServer, originServer } from '../originServer.ts';
import { requirePeer } from './requirePeer.ts';

const END_OF_HEAD = '\r\n\r\n';

/** Serves the repositories below `root` for fetch and push. */
export function startGitOrigin(root: string): Promise<OriginServer> {
  const git = requirePeer('git');
  return originServer((request, response) => serve(git, root, request, response), { tls: true });
}

function serve(git: string, root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url!, 'https://origin.test');
  const { headers, method = 'GET' } = request;
  const child = spawn(git, ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      REMOTE_USER: 'tester', // without one a push is refused
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.once('close', () => {
    const answer = Buffer.concat(output);
    const end = answer.indexOf(END_OF_HEAD);
    const fields = answer.subarray(0, end).toString().split('\r\n');
    let status = 200;
    for (const field of fields) {
      const colon = field.indexOf(':');
      const [name, value] = [field.slice(0, colon), field.slice(colon + 1).trim()];
      if (name === 'Status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status).end(answer.subarray(end + END_OF_HEAD.length));
  });
}
