// Stand-in for nginx as the origin: node node-origin.ts <tls port> <plain port> <certificates> <key>.
// Answers GET /<size>.bin with that many bytes, over TLS with the certificate that fits the name.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';

import { BODY_SIZES, originPath } from '../works.ts';
import { blockOf } from './names.ts';

const BLOCK = randomFillSync(Buffer.alloc(1024 * 1024));
const [tlsPort, plainPort, folder, keyFile] = process.argv.slice(2);
if (folder === undefined || keyFile === undefined) throw new Error('usage: see the comment at the top');

const sizes = new Map(BODY_SIZES.map((size) => [originPath(size), size]));

function answer(request: IncomingMessage, response: ServerResponse): void {
  const size = sizes.get(request.url ?? '');
  if (size === undefined) {
    response.writeHead(404, { 'content-length': 0 }).end();
    return;
  }
  response.writeHead(200, { 'content-length': size, 'content-type': 'application/octet-stream' });
  let left = size;
  const pump = (): void => {
    while (left > BLOCK.length) {
      left -= BLOCK.length;
      if (!response.write(BLOCK)) {
        response.once('drain', pump);
        return;
      }
    }
    response.end(BLOCK.subarray(0, left));
  };
  pump();
}

const key = readFileSync(keyFile);
const contexts = new Map<string, SecureContext>();
function contextFor(serverName: string): SecureContext {
  const name = blockOf(serverName) ?? 'default';
  let context = contexts.get(name);
  if (context === undefined) {
    context = createSecureContext({ key, cert: readFileSync(join(folder as string, `${name}.pem`)) });
    contexts.set(name, context);
  }
  return context;
}

const tlsServer = createTlsServer(
  {
    key,
    cert: readFileSync(join(folder, 'default.pem')),
    SNICallback: (name, done) => done(null, contextFor(name)),
  },
  answer,
);
for (const [server, port] of [
  [createServer(answer), plainPort],
  [tlsServer, tlsPort],
] as const) {
  server.keepAliveTimeout = 600_000;
  server.listen(Number(port), '127.0.0.1');
}
