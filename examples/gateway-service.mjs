// The ICAP gateway in a program of your own, with a blade of your own (marks-blade.mjs).
//
//   node examples/gateway-service.mjs
//   echo CONFIDENTIAL > secret.txt
//   npx weir icap reqmod icap://127.0.0.1:1344/sandblast --file secret.txt

import { fileURLToPath } from 'node:url';
import { createGateway } from 'weir';

const { PORT = '1344' } = process.env;

const gateway = createGateway(
  {
    gateway: { listen: `127.0.0.1:${PORT}`, services: { sandblast: { profile: 'marked' } } },
    profiles: { marked: { base: 'basic', blades: { marks: { enabled: true } } } },
    plugins: ['./plugins/antivirus', './marks-blade.mjs'],
  },
  {
    folder: fileURLToPath(new URL('.', import.meta.url)),
    onGatewayRecord: ({ method, url, verdict, threat }) => {
      console.log(`${method} ${url} ${verdict}${threat === null ? '' : ` (${threat.name})`}`);
    },
  },
);

await gateway.listen();
console.log(`listening on icap://${gateway.gatewayAddresses[0]}/sandblast`);
for (const warning of gateway.warnings) console.error(`warning: ${warning}`);

process.once('SIGTERM', () => void gateway.close());
process.once('SIGINT', () => void gateway.close());
