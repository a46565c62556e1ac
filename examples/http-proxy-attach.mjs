// An existing http-proxy 1.18 server that scans what passes, in both directions. Run, with a gateway beside it:
//
//   npx weir gateway &
//   TARGET=http://127.0.0.1:3000 node examples/http-proxy-attach.mjs
//   curl http://127.0.0.1:8000/
//
// Only the line with attachIcap is new to a proxy that is there already; WebSockets pass.

import http from 'node:http';
import httpProxy from 'http-proxy';
import { attachIcap } from 'weir';

const {
  ICAP = 'icap://127.0.0.1:1344/sandblast',
  PORT = '8000',
  TARGET = 'http://127.0.0.1:3000',
} = process.env;

const proxy = httpProxy.createProxyServer({ target: TARGET });
attachIcap(proxy, { reqmod: ICAP, respmod: ICAP, onError: 'block' });

proxy.on('error', (error, _req, res) => {
  if ('writeHead' in res && !res.headersSent) res.writeHead(502, { 'Content-Type': 'text/plain' });
  res.end(`The application does not answer: ${error.message}\n`);
});

const server = http.createServer((req, res) => proxy.web(req, res));
server.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head));
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
