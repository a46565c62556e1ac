// An intercepting forward proxy with the gateway beside it, in a program of your own: what `weir start` is.
//
//   node examples/forward-proxy.mjs
//   curl -x http://127.0.0.1:8080 --cacert CERTIFICATE https://example.com/    (it prints the path)

import { createProxy } from 'weir';

const { PORT = '8080', GATEWAY_PORT = '1344', CERTS = 'certs' } = process.env;

const proxy = createProxy(
  {
    proxy: {
      listen: `127.0.0.1:${PORT}`,
      certs: CERTS,
      tls: { rules: [{ hosts: ['*.bank.example'], action: 'splice' }] },
    },
    gateway: { listen: `127.0.0.1:${GATEWAY_PORT}` },
  },
  {
    gateway: true,
    onRecord: ({ method, url, status, verdict, threat, ms }) => {
      const found = threat === null ? '' : ` ${threat.name}`;
      console.log(`${method} ${url} ${status} ${verdict}${found} ${ms.toFixed(0)} ms`);
    },
    onEvent: (level, message) => console.error(`${level}: ${message}`),
  },
);

await proxy.listen();
console.log(`listening on http://${proxy.addresses[0]}`);
console.log(`certificate ${proxy.caPath}`);

process.once('SIGTERM', () => void proxy.close());
process.once('SIGINT', () => void proxy.close());
