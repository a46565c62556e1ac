// gRPC through the proxy, by its own library: each kind of call, with its status in the trailers, its
// deadline and its cancellation.

import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ORIGIN_NAMES } from '../../support/originServer.ts';
import { testCa } from '../../support/testCa.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';

const bytes = (value: Buffer): Buffer => value;
const codec = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};
const service = {
  unary: { path: '/test.Echo/Unary', requestStream: false, responseStream: false, ...codec },
  upload: { path: '/test.Echo/Upload', requestStream: true, responseStream: false, ...codec },
  download: { path: '/test.Echo/Download', requestStream: false, responseStream: true, ...codec },
  chat: { path: '/test.Echo/Chat', requestStream: true, responseStream: true, ...codec },
} as const;

let weir: LocalWeir;
let server: grpc.Server;
let client: InstanceType<grpc.ServiceClientConstructor>;
const cancelled: string[] = [];
let onCancelled: () => void = () => {};

beforeAll(async () => {
  weir = await startTestWeir({ adaptation: { rules: [] } });
  const { key, cert } = await (await testCa()).issue(ORIGIN_NAMES);
  server = new grpc.Server();
  server.addService(service, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      if (call.request.toString() === 'fail') {
        const metadata = new grpc.Metadata();
        metadata.set('why-bin', Buffer.from([0, 1, 255]));
        return done({ code: grpc.status.FAILED_PRECONDITION, details: 'not now', metadata });
      }
      done(null, Buffer.concat([Buffer.from('echo '), call.request]));
    },
    upload(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      let size = 0;
      call.on('data', (part: Buffer) => (size += part.length));
      call.on('end', () => done(null, Buffer.from(String(size))));
    },
    download(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      for (let i = 0; i < 50; i++) call.write(Buffer.alloc(1000, i));
      call.end();
    },
    chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (part: Buffer) => call.write(Buffer.concat([Buffer.from('re: '), part])));
      call.on('end', () => call.end());
      call.on('cancelled', () => {
        cancelled.push('chat');
        onCancelled();
      });
    },
  });
  const credentials = grpc.ServerCredentials.createSsl(null, [
    { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
  ]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  process.env['https_proxy'] = `http://127.0.0.1:${weir.proxyPort}`;
  const Client = grpc.makeClientConstructor(service, 'Echo');
  client = new Client(`www.origin.test:${port}`, grpc.credentials.createSsl(Buffer.from(weir.ca)));
});
afterAll(async () => {
  delete process.env['https_proxy'];
  client?.close();
  server?.forceShutdown();
  await weir?.[Symbol.asyncDispose]();
});

type Unary = (message: Buffer, done: (error: grpc.ServiceError | null, answer: Buffer) => void) => void;

function unary(message: string): Promise<{ error: grpc.ServiceError | null; answer: Buffer }> {
  return new Promise((resolve) =>
    (client['unary'] as Unary)(Buffer.from(message), (error, answer) => resolve({ error, answer })),
  );
}

test('a unary call has its answer, and a failure its status, details and metadata', async () => {
  expect((await unary('hello')).answer.toString()).toBe('echo hello');
  const { error } = await unary('fail');
  expect([error!.code, error!.details, error!.metadata.get('why-bin')]).toEqual([
    ...[grpc.status.FAILED_PRECONDITION, 'not now', [Buffer.from([0, 1, 255])]],
  ]);
  const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/test.Echo/Unary'));
  expect(record!.tls).toMatchObject({ alpn: 'h2' });
});

test('a client streams, and a server', async () => {
  const size = await new Promise<string>((resolve, reject) => {
    const call = client['upload']!((error: Error | null, answer: Buffer) =>
      error === null ? resolve(answer.toString()) : reject(error),
    ) as grpc.ClientWritableStream<Buffer>;
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(2000));
    call.end();
  });
  expect(size).toBe('200000');
  const call = client['download']!(Buffer.alloc(0)) as grpc.ClientReadableStream<Buffer>;
  let parts = 0;
  call.on('data', () => parts++);
  const [status] = (await once(call, 'status')) as [grpc.StatusObject];
  expect([parts, status.code]).toEqual([50, grpc.status.OK]);
});

test('both stream at once, each waiting for the other', async () => {
  const call = client['chat']!() as grpc.ClientDuplexStream<Buffer, Buffer>;
  const ended = once(call, 'status') as Promise<[grpc.StatusObject]>;
  for (let i = 0; i < 10; i++) {
    call.write(Buffer.from(`message ${i}`));
    const [answer] = (await once(call, 'data')) as [Buffer];
    expect(answer.toString()).toBe(`re: message ${i}`);
  }
  call.end();
  expect((await ended)[0].code).toBe(grpc.status.OK);
});

test('a call that its client gives up is cancelled at the server', async () => {
  const call = client['chat']!() as grpc.ClientDuplexStream<Buffer, Buffer>;
  call.on('error', () => {});
  cancelled.length = 0; // the library says it of calls that ended well, too
  const told = new Promise<void>((resolve) => (onCancelled = resolve));
  call.write(Buffer.from('hello'));
  await once(call, 'data');
  call.cancel();
  await told;
  expect(cancelled).toEqual(['chat']);
});
