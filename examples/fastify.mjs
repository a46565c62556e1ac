// Fastify with scanned uploads and downloads: the middleware in an onRequest hook, which comes before
// Fastify reads the body. Run, with a gateway beside it:
//
//   npx weir gateway &
//   node examples/fastify.mjs
//   curl -H 'Content-Type: application/json' -d '{"name":"Ann"}' http://127.0.0.1:3000/hello

import Fastify from 'fastify';
import { icapMiddleware } from 'weir';

const { ICAP = 'icap://127.0.0.1:1344/sandblast', PORT = '3000' } = process.env;

const app = Fastify();
const scan = icapMiddleware({ reqmod: ICAP, respmod: ICAP });
app.addHook('onRequest', (request, reply, done) => scan(request.raw, reply.raw, done));
app.addHook('onClose', () => scan.close());

app.post('/hello', ({ body }) => ({ hello: body.name }));

await app.listen({ port: Number(PORT), host: '127.0.0.1' });
console.log(`listening on http://127.0.0.1:${app.server.address().port}`);
