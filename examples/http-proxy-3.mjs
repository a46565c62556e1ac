// The same with http-proxy-3 (httpxy works alike): different applications behind one address, all scanned.
// Run, with a gateway beside it:
//
//   npx weir gateway &
//   API=http://127.0.0.1:3001 FILES=http://127.0.0.1:3002 node examples/http-proxy-3.mjs
//   curl http://127.0.0.1:8000/api/

import http from 'node:http';
import httpProxy from 'http-proxy-3';
import { attachIcap } from 'weir';

const { ICAP = 'icap://127.0.0.1:1344/sandblast', PORT = '8000' } = process.env;
const { API = 'http://127.0.0.1:3001', FILES = 'http://127.0.0.1:3002' } = process.env;

const proxy = httpProxy.createProxyServer({});
const detach = attachIcap(proxy, {
  reqmod: ICAP,
  respmod: ICAP,
  // Event streams never end: nothing could be said of them before they do.
  skip: (req, point) => point === 'respmod' && req.headers.accept === 'text/event-stream',
});
proxy.on('error', (error, _req, res) => {
  if ('writeHead' in res && !res.headersSent) res.writeHead(502, { 'Content-Type': 'text/plain' });
  res.end(`The application does not answer: ${error.message}\n`);
});

const server = http.createServer((req, res) => {
  proxy.web(req, res, { target: req.url.startsWith('/api/') ? API : FILES });
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
  detach(); // closes the connections to the ICAP server
});
