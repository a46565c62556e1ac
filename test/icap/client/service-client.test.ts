import { expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import { HttpError } from '../../../src/errors.ts';
import {
  bodyOf,
  CONTINUE,
  NO_CONTENT,
  optionsAnswer,
  PAGE,
  PAGE_START,
  respmod,
  scriptedIcap,
} from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');
const LONG = Buffer.alloc(300_000, 'long page ');

// --- OPTIONS ---

test('K-01 fifty concurrent users of a service wait for one OPTIONS', async () => {
  let answer: (text: string) => void = () => {};
  const held = new Promise<string>((resolve) => (answer = resolve));
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), { options: () => held });
  const client = server.client();
  const all = Array.from({ length: 50 }, () => client.adapt(respmod(TEXT)));
  answer(optionsAnswer());
  for (const adaptation of await Promise.all(all)) {
    expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
  }
  expect(server.optionsRequests()).toBe(1);
});

test('K-03 a failed OPTIONS fails those who wait, and is not asked again at once', async () => {
  await using server = await scriptedIcap(() => {}, {
    options: () => 'ICAP/1.0 404 ICAP Service Not Found\r\nEncapsulated: null-body=0\r\n\r\n',
  });
  const client = server.client();
  const failures = await Promise.allSettled([client.adapt(respmod(TEXT)), client.adapt(respmod(TEXT))]);
  for (const failure of failures) {
    expect(failure).toMatchObject({ reason: { code: 'ERR_ADAPT_STATUS', fields: { icapStatus: 404 } } });
  }
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_STATUS' });
  expect(server.optionsRequests()).toBe(1);
});

test('K-04 a method that OPTIONS does not offer is refused without a request', async () => {
  await using server = await scriptedIcap(() => {}, {
    options: () => 'ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: "t"\r\nEncapsulated: null-body=0\r\n\r\n',
  });
  await expect(server.client().adapt(respmod(TEXT))).rejects.toMatchObject({
    code: 'ERR_ADAPT_METHOD',
    message: expect.stringContaining('REQMOD'),
  });
});

test('K-05 a body behind OPTIONS is read and dropped', async () => {
  const withBody = optionsAnswer(['Preview: 4', 'Opt-body-type: x']).replace(
    'null-body=0\r\n',
    'opt-body=0\r\n',
  );
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), {
    options: () => `${withBody}5\r\nrules\r\n0\r\n\r\n`,
  });
  await expect(server.client().adapt(respmod(TEXT))).resolves.toMatchObject({ icapStatus: 204 });
  expect(server.connections()).toBe(1);
});

test('K-06 another ISTag makes the client ask for OPTIONS again', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT.replace('"t1"', '"t2"')), {
    options: () => optionsAnswer(['Preview: 4'], server.optionsRequests() === 1 ? 't1' : 't2'),
  });
  const client = server.client();
  await client.adapt(respmod(TEXT));
  for (let i = 0; client.known?.istag !== 't2' && i < 100; i++) await client.adapt(respmod(TEXT));
  expect(client.known?.istag).toBe('t2');
  expect(server.optionsRequests()).toBe(2);
});

test('K-08 a file type on Transfer-Ignore is not sent at all', async () => {
  await using server = await scriptedIcap(() => {}, {
    options: () => optionsAnswer(['Preview: 4', 'Transfer-Ignore: html', 'Transfer-Preview: *']),
  });
  const adaptation = await server.client().adapt(respmod(TEXT));
  expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
});

// --- the dialogue ---

test('K-10 the preview has as many bytes as OPTIONS asked for, and 204 returns the whole', async () => {
  const seen: string[] = [];
  await using server = await scriptedIcap((peer, request) => {
    seen.push(request);
    peer.send(NO_CONTENT);
  });
  const adaptation = await server.client().adapt(respmod(TEXT));
  expect(adaptation).toMatchObject({ icapStatus: 204, preview: 4 });
  expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
  expect(seen[0]).toMatch(/\r\nAllow: 204\r\n[^]*Preview: 4\r\n[^]*\r\n\r\n4\r\na pa\r\n0\r\n\r\n$/);
});

test('a body that fits into the preview ends with ieof', async () => {
  const seen: string[] = [];
  await using server = await scriptedIcap((peer, request) => {
    seen.push(request);
    peer.send(NO_CONTENT);
  });
  await bodyOf(await server.client().adapt(respmod(Buffer.from('abc'))));
  expect(seen[0]).toMatch(/\r\n3\r\nabc\r\n0; ieof\r\n\r\n$/);
});

test('K-11 a 204 that comes late, behind 100 and the whole body, returns the original', async () => {
  await using server = await scriptedIcap(async (peer) => {
    peer.send(CONTINUE);
    await peer.readRest();
    peer.send(NO_CONTENT);
  });
  const adaptation = await server.client().adapt(respmod(LONG));
  expect(adaptation.icapStatus).toBe(204);
  expect((await bodyOf(adaptation)).equals(LONG)).toBe(true);
});

test('K-31 a 200 that holds no response is a broken answer to RESPMOD', async () => {
  const request = 'GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n';
  const answers = [
    'ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-body=0\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: req-hdr=0, null-body=${request.length}\r\n\r\n${request}`,
  ];
  for (const answer of answers) {
    await using server = await scriptedIcap((peer) => peer.send(answer));
    await expect(server.client().adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
  }
});

test('K-32 an empty 200 means unmodified, as c-icap can be told to say it', async () => {
  const answer = 'ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, null-body=0\r\n\r\n';
  await using server = await scriptedIcap((peer) => peer.send(answer));
  const adaptation = await server.client().adapt(respmod(TEXT));
  expect(adaptation).toMatchObject({ icapStatus: 204, response: null });
  expect((await bodyOf(adaptation)).equals(TEXT)).toBe(true);
});

test('K-32 a header that is called empty and follows all the same is not taken for "unmodified"', async () => {
  const page = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n';
  const answer = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, null-body=0\r\n\r\n${page}`;
  await using server = await scriptedIcap((peer) => peer.send(answer));
  await expect(server.client().adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
});

test.each(['Encapsulated: null-body=0\r\n', ''])(
  'K-31 a 200 with "%s" alone carries nothing',
  async (field) => {
    await using server = await scriptedIcap((peer) => peer.send(`ICAP/1.0 200 OK\r\n${field}\r\n`));
    await expect(server.client().adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
  },
);

test('K-31 a 200 with a header alone replaces the body by none', async () => {
  const page = 'HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\n\r\n';
  const answer = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, null-body=${page.length}\r\n\r\n${page}`;
  await using server = await scriptedIcap((peer) => peer.send(answer));
  const client = server.client();
  for (let i = 0; i < 2; i++) {
    const adaptation = await client.adapt(respmod(LONG));
    expect(adaptation).toMatchObject({ icapStatus: 200, response: { status: 302 }, body: null });
  }
  expect(server.connections()).toBe(1);
});

test.each([101, 202, 205, 206, 299, 302, 400, 404, 418, 499, 500, 503, 539])(
  'K-30 status %d is a failure that names it',
  async (status) => {
    await using server = await scriptedIcap((peer) => {
      peer.send(`ICAP/1.0 ${status} No\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n`);
    });
    const code = status === 206 ? 'ERR_ADAPT_PROTOCOL' : 'ERR_ADAPT_STATUS'; // a 206 must carry something
    const failure = await server
      .client()
      .adapt(respmod(TEXT))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(String(status)) });
    if (status !== 206) expect(failure).toMatchObject({ fields: { icapStatus: status } });
  },
);

test('K-34 a 100 that nobody waits for breaks the protocol', async () => {
  await using unasked = await scriptedIcap((peer) => peer.send(CONTINUE), {
    options: () => optionsAnswer([]),
  });
  await expect(unasked.client().adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
  await using twice = await scriptedIcap((peer) => peer.send(CONTINUE + CONTINUE));
  await expect(twice.client().adapt(respmod(LONG))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
});

test('K-34 one 100 behind ieof is ignored', async () => {
  await using server = await scriptedIcap((peer) => peer.send(CONTINUE + NO_CONTENT));
  const adaptation = await server.client().adapt(respmod(Buffer.from('abc')));
  expect(adaptation.icapStatus).toBe(204);
});

test('K-40 a final answer that comes while the body is still being sent counts', async () => {
  await using server = await scriptedIcap((peer) => peer.send(PAGE), { options: () => optionsAnswer([]) });
  const body = new Body();
  body.push(Buffer.alloc(100_000, 'x')); // and no end: the origin is slow
  const adaptation = await server.client().adapt(respmod(body));
  expect(adaptation.response).toMatchObject({ status: 403 });
  expect((await bodyOf(adaptation)).toString()).toBe('blocked');
});

test('K-40 C-83 a server that answers while it reads gets the rest, and the connection is used again', async () => {
  await using server = await scriptedIcap(
    async (peer) => {
      peer.send(PAGE_START);
      await peer.readRest();
      peer.send('7\r\nblocked\r\n0\r\n\r\n');
    },
    { options: () => optionsAnswer([]) },
  );
  const client = server.client();
  for (let i = 0; i < 3; i++) {
    expect((await bodyOf(await client.adapt(respmod(LONG)))).toString()).toBe('blocked');
  }
  expect(server.connections()).toBe(1);
});

test.each([-5, 5])(
  'K-36 C-26 the blank line decides where an offset is wrong by %d, unless strict',
  async (by) => {
    const head = 'HTTP/1.1 200 OK\r\nX-New: 1\r\n\r\n';
    const answer = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length + by}\r\n\r\n${head}3\r\nnew\r\n0\r\n\r\n`;
    await using server = await scriptedIcap((peer) => peer.send(answer));
    const adaptation = await server.client().adapt(respmod(TEXT));
    expect(adaptation.response!.headers).toEqual(['X-New', '1']);
    expect((await bodyOf(adaptation)).toString()).toBe('new');
    await expect(server.client({ strict: true }).adapt(respmod(TEXT))).rejects.toMatchObject({
      code: 'ERR_ADAPT_PROTOCOL',
    });
  },
);

test('K-40 an answer that comes before the preview is asked for more ends the request', async () => {
  await using server = await scriptedIcap((peer) => peer.send(PAGE));
  const client = server.client();
  for (let i = 0; i < 3; i++) {
    expect((await bodyOf(await client.adapt(respmod(LONG)))).toString()).toBe('blocked');
  }
  expect(server.connections()).toBe(1);
});

test('K-41 an answer that is cut off never ends its body', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(`${PAGE_START}ff\r\nonly this much`);
    peer.socket.end();
  });
  const adaptation = await server.client().adapt(respmod(TEXT));
  await expect(bodyOf(adaptation)).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
});

test('K-41 a message that breaks off is not ended with a last chunk', async () => {
  let rest: Promise<string> = Promise.resolve('');
  await using server = await scriptedIcap((peer) => {
    peer.send(CONTINUE);
    rest = peer.closed();
    return new Promise(() => {});
  });
  const body = new Body();
  body.push(Buffer.alloc(100_000, 'x'));
  const pending = server.client().adapt(respmod(body));
  const gone = new HttpError('ERR_ORIGIN_CLOSED', 'the origin closed');
  setTimeout(() => body.fail(gone), 100);
  await expect(pending).rejects.toBe(gone);
  expect(await rest).not.toMatch(/\r\n0\r\n/);
});

test('bytes of another protocol are a broken answer', async () => {
  for (const bytes of [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    '\x16\x03\x01\x00\x05hello\r\n\r\n',
    'x'.repeat(70_000),
  ]) {
    await using server = await scriptedIcap((peer) => peer.send(bytes));
    await expect(server.client().adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_PROTOCOL' });
  }
});
