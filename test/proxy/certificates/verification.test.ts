import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OriginConnector } from '../../../src/proxy/origin/connector.ts';
import type { ConnectorOptions } from '../../../src/proxy/origin/connector.ts';
import type { OriginTarget } from '../../../src/proxy/origin/engine.ts';
import { reportOf } from '../../../src/proxy/origin/verification-report.ts';
import type { CertificateReport } from '../../../src/proxy/origin/verification-report.ts';
import type { Certificate, CertificateOptions } from './pki.ts';
import { derOf, makeCertificate, ocspResponse, revocationList } from './pki.ts';

const NAME = 'site.test';

let root: Certificate;
let stranger: Certificate;
let intermediate: Certificate;
/** Answers for issuers and lists, by path. */
const files = new Map<string, Buffer>();
const fetched: string[] = [];
const fileServer = createHttpServer((request, response) => {
  fetched.push(request.url!);
  const body = files.get(request.url!);
  response.writeHead(body === undefined ? 404 : 200).end(body);
});
let base: string;

beforeAll(async () => {
  root = makeCertificate({ subject: 'Trusted Root', ca: true, to: 30 });
  stranger = makeCertificate({ subject: 'Strange Root', ca: true, to: 30 });
  intermediate = makeCertificate({ subject: 'Between', ca: true, issuer: root, to: 30 });
  await new Promise<void>((resolve) => fileServer.listen(0, '127.0.0.1', resolve));
  base = `http://files.test:${(fileServer.address() as AddressInfo).port}`;
});
afterAll(() => void fileServer.close());

const leaf = (options: Partial<CertificateOptions> = {}): Certificate =>
  makeCertificate({ subject: NAME, names: [NAME], issuer: root, ...options });

interface Site extends AsyncDisposable {
  readonly target: OriginTarget;
  /** Whether each connection, in order, resumed a session. */
  readonly resumed: boolean[];
}

/** A TLS server that sends these certificates, its own first. @param staple  OCSP response sent along */
async function site(chain: readonly Certificate[], staple?: Buffer, more: TlsOptions = {}): Promise<Site> {
  const resumed: boolean[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer(
    {
      key: chain[0]!.key,
      cert: chain.map(({ cert }) => cert).join(''),
      ciphers: 'DEFAULT@SECLEVEL=0',
      ...more,
    },
    (socket) => {
      resumed.push(socket.isSessionReused());
      socket.on('error', () => {});
      socket.once('data', () => socket.write('hello'));
      sockets.add(socket);
    },
  );
  if (staple !== undefined) {
    server.on('OCSPRequest', (_, __, done: (error: null, response: Buffer) => void) => done(null, staple));
  }
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: { secure: true, host: NAME, port, serverName: NAME },
    resumed,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function connector(options: Partial<ConnectorOptions> = {}): OriginConnector {
  return new OriginConnector({
    ca: [root.cert],
    verify: true,
    hosts: { '*.test': '127.0.0.1' },
    connectTimeoutMs: 5_000,
    isOwnPort: () => false,
    isDeniedAddress: () => false,
    ...options,
  });
}

const verifying = (
  verification: Partial<NonNullable<ConnectorOptions['verification']>>,
): Partial<ConnectorOptions> => ({
  verification: { completeChains: false, revocation: 'off', crls: [], ...verification },
});

/** Connects and asks: the origin's sessions are in front of its answer, and so have arrived. */
async function connected(from: OriginConnector, target: OriginTarget): Promise<void> {
  const socket = (await from.connect(target)) as TLSSocket;
  socket.write('?');
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
}

async function refusal(from: OriginConnector, target: OriginTarget): Promise<CertificateReport> {
  try {
    (await from.connect(target)).destroy();
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_ORIGIN_UNTRUSTED' });
    return reportOf(error)!;
  }
  throw new Error('the origin was trusted');
}

const codes = (report: CertificateReport): string[] => report.faults.map(({ code }) => code);

describe('a certificate that cannot be verified', () => {
  const KINDS: [string, string[], () => Certificate[]][] = [
    ['has expired', ['expired'], () => [leaf({ from: -9, to: -2 })]],
    ['is not valid yet', ['not-yet-valid'], () => [leaf({ from: 3, to: 9 })]],
    ['is for another host', ['wrong-host'], () => [leaf({ names: ['other.test'] })]],
    ['is self-signed', ['self-signed'], () => [makeCertificate({ subject: NAME, names: [NAME] })]],
    ['is of an unknown authority', ['untrusted-root'], () => [leaf({ issuer: stranger }), stranger]],
    ['misses the one above it', ['incomplete'], () => [leaf({ issuer: intermediate })]],
    [
      'hangs below an expired one',
      ['chain-expired'],
      () => {
        const old = makeCertificate({ subject: 'Old', ca: true, issuer: root, from: -9, to: -2 });
        return [leaf({ issuer: old }), old];
      },
    ],
    ['is meant for another purpose', ['wrong-purpose'], () => [leaf({ purpose: 'codeSigning' })]],
    ['is signed with SHA-1', ['weak'], () => [leaf({ digest: 'sha1' })]],
    [
      'has several faults at once',
      ['expired', 'wrong-host', 'self-signed'],
      () => [makeCertificate({ subject: 'x', names: ['other.test'], from: -9, to: -2 })],
    ],
  ];

  test.each(KINDS)('%s: the report says %j', async (_, faults, chain) => {
    await using origin = await site(chain());
    const report = await refusal(connector(), origin.target);
    expect(codes(report)).toEqual(faults);
    expect(report.chain[0]!.fingerprint256).toBe(report.fingerprint256);
    for (const { text } of report.faults) expect(text).toMatch(/^(it|its|the)\b/);
  });

  test('passes where verification is off, and where the user has accepted this very one', async () => {
    await using origin = await site([leaf({ issuer: stranger })]);
    await connected(connector({ verify: false }), origin.target);
    const { fingerprint256 } = await refusal(connector(), origin.target);
    await connected(connector(), { ...origin.target, acceptedCertificate: fingerprint256! });
    const other = { ...origin.target, acceptedCertificate: fingerprint256!.replaceAll('A', 'B') };
    expect(codes(await refusal(connector(), other))).toContain('incomplete');
  });

  test('gets nothing of ours: the connection is closed before a byte is sent', async () => {
    let received = 0;
    const { key, cert } = leaf({ issuer: stranger });
    const server = createServer({ key, cert }, (socket) => {
      socket.on('data', (chunk) => (received += chunk.length)).on('error', () => {});
    });
    server.on('tlsClientError', () => {});
    const closed = new Promise((resolve) =>
      server.once('connection', (socket: Socket) => socket.once('close', resolve)),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await refusal(connector(), { secure: true, host: NAME, port, serverName: NAME });
    await closed;
    server.close();
    expect(received).toBe(0);
  });
});

describe('a chain that is not complete', () => {
  test('is completed from where the certificate says, once for all connections', async () => {
    files.set('/between.der', derOf(intermediate.cert));
    fetched.length = 0;
    const own = leaf({ issuer: intermediate, issuerUrl: `${base}/between.der` });
    await using origin = await site([own]);
    const from = connector(verifying({ completeChains: true }));
    await connected(from, origin.target);
    await connected(from, origin.target);
    expect(fetched).toEqual(['/between.der']);
  });

  test('is completed over two steps', async () => {
    files.set('/upper.der', derOf(intermediate.cert));
    const lower = makeCertificate({
      subject: 'Lower',
      ca: true,
      issuer: intermediate,
      issuerUrl: `${base}/upper.der`,
    });
    files.set('/lower.pem', Buffer.from(lower.cert));
    await using origin = await site([leaf({ issuer: lower, issuerUrl: `${base}/lower.pem` })]);
    await connected(connector(verifying({ completeChains: true })), origin.target);
  });

  test('is not completed towards a root that nobody trusts', async () => {
    const strange = makeCertificate({ subject: 'Strange Between', ca: true, issuer: stranger });
    files.set('/strange.der', derOf(strange.cert));
    await using origin = await site([leaf({ issuer: strange, issuerUrl: `${base}/strange.der` })]);
    expect(codes(await refusal(connector(verifying({ completeChains: true })), origin.target))).toEqual([
      'incomplete',
    ]);
  });

  test('is not completed with a certificate that is no CA', async () => {
    const noCa = makeCertificate({ subject: 'No CA', issuer: root });
    files.set('/no-ca.der', derOf(noCa.cert));
    await using origin = await site([leaf({ issuer: noCa, issuerUrl: `${base}/no-ca.der` })]);
    expect(codes(await refusal(connector(verifying({ completeChains: true })), origin.target))).toEqual([
      'incomplete',
    ]);
  });

  test('stays as it is with the expired certificate below it', async () => {
    files.set('/between.der', derOf(intermediate.cert));
    const old = leaf({ issuer: intermediate, from: -9, to: -2, issuerUrl: `${base}/between.der` });
    await using origin = await site([old]);
    expect(codes(await refusal(connector(verifying({ completeChains: true })), origin.target))).toContain(
      'expired',
    );
  });

  test.each([
    ['from nowhere', '/missing'],
    ['from what is no certificate', '/garbage'],
    ['from what is far too large', '/huge'],
  ])('is not completed %s', async (_, path) => {
    files.set('/garbage', Buffer.from('<html>'));
    files.set('/huge', Buffer.alloc(2_000_000, 0x30));
    await using origin = await site([leaf({ issuer: intermediate, issuerUrl: base + path })]);
    expect(codes(await refusal(connector(verifying({ completeChains: true })), origin.target))).toEqual([
      'incomplete',
    ]);
  });

  test('is not fetched from an address that clients may not reach, nor from our own port', async () => {
    files.set('/between.der', derOf(intermediate.cert));
    await using origin = await site([leaf({ issuer: intermediate, issuerUrl: `${base}/between.der` })]);
    fetched.length = 0;
    const port = Number(new URL(base).port);
    const denied = connector({
      ...verifying({ completeChains: true }),
      isDeniedAddress: (_, host) => host === 'files.test',
    });
    await refusal(denied, origin.target);
    const own = connector({ ...verifying({ completeChains: true }), isOwnPort: (asked) => asked === port });
    await refusal(own, origin.target);
    expect(fetched).toEqual([]);
  });
});

describe('revocation', () => {
  test('is found in a file, for the certificate that the list names and no other', async () => {
    const [bad, good] = [leaf(), leaf()];
    const crls = [Buffer.from(await revocationList(root, [bad]))];
    await using badSite = await site([bad]);
    await using goodSite = await site([good]);
    const from = connector(verifying({ revocation: 'stapled', crls }));
    expect(codes(await refusal(from, badSite.target))).toEqual(['revoked']);
    await connected(from, goodSite.target);
  });

  test('is found where the certificate says', async () => {
    const bad = leaf({ crlUrl: `${base}/list.crl` });
    files.set('/list.crl', derOf(await revocationList(root, [bad])));
    await using origin = await site([bad]);
    await connected(connector(verifying({ revocation: 'stapled' })), origin.target);
    expect(codes(await refusal(connector(verifying({ revocation: 'crl' })), origin.target))).toEqual([
      'revoked',
    ]);
  });

  test('of the certificate above counts as well', async () => {
    const crls = [Buffer.from(await revocationList(root, [intermediate]))];
    await using origin = await site([leaf({ issuer: intermediate }), intermediate]);
    const from = connector(verifying({ revocation: 'stapled', crls }));
    expect(codes(await refusal(from, origin.target))).toEqual(['revoked']);
  });

  test.each([
    ['signed by another CA of the same name', () => revocationList({ ...root, key: leaf().key }, [])],
    ['that is out of date', (bad: Certificate) => revocationList(root, [bad], -1)],
  ])('is not read from a list %s', async (_, make) => {
    const bad = leaf();
    const list =
      make.length === 0
        ? await revocationList({ ...root, key: bad.key }, [bad]).catch(() => '')
        : await make(bad);
    const problems: string[] = [];
    const crls = [Buffer.from(list)];
    await using origin = await site([bad]);
    const from = connector(
      verifying({ revocation: 'stapled', crls, onProblem: (text) => problems.push(text) }),
    );
    await connected(from, origin.target);
    if (make.length > 0)
      expect(problems).toEqual([expect.stringMatching(/^proxy\.upstream\.crls\[0\] is not used: it was/)]);
  });

  test('is found in the stapled response, of the issuer or of whom it has named', async () => {
    const bad = leaf();
    const responder = makeCertificate({ subject: 'Responder', issuer: root, purpose: 'OCSPSigning' });
    for (const by of [root, responder]) {
      const staple = await ocspResponse(bad, root, { revoked: true, responder: by });
      await using origin = await site([bad], staple);
      const from = connector(verifying({ revocation: 'stapled' }));
      expect(codes(await refusal(from, origin.target))).toEqual(['revoked']);
      await connected(connector(), origin.target);
    }
  });

  test('is not found in a stapled response that does not count', async () => {
    const own = leaf();
    const stranger2 = makeCertificate({ subject: 'Not named', issuer: root });
    const byOther = await ocspResponse(own, root, { revoked: true, responder: stranger2 });
    const other = leaf();
    const ofOther = await ocspResponse(other, root, { revoked: true });
    const forged = Buffer.from(ofOther); // about this one now, and no longer what was signed
    const serial = Buffer.from(other.serial, 'hex');
    Buffer.from(own.serial, 'hex').copy(forged, forged.indexOf(serial));
    for (const staple of [byOther, ofOther, forged, Buffer.from('junk'), ofOther.subarray(0, 90)]) {
      await using origin = await site([own], staple);
      await connected(connector(verifying({ revocation: 'stapled' })), origin.target);
    }
    const good = await ocspResponse(own, root, { revoked: false });
    await using origin = await site([own], good);
    await connected(connector(verifying({ revocation: 'stapled' })), origin.target);
  });
});

describe('sessions', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('are resumed with %s, per host and port', async (version) => {
    const from = connector();
    const own = leaf();
    await using one = await site([own], undefined, { minVersion: version, maxVersion: version });
    await using other = await site([own], undefined, { minVersion: version, maxVersion: version });
    for (const { target } of [one, one, other, one]) await connected(from, target);
    expect(one.resumed).toEqual([false, true, true]);
    expect(other.resumed).toEqual([false]);
  });

  test('of an origin that the user has only accepted are not kept', async () => {
    await using origin = await site([leaf({ issuer: stranger })]);
    const from = connector();
    const { fingerprint256 } = await refusal(from, origin.target);
    const accepted = { ...origin.target, acceptedCertificate: fingerprint256! };
    await connected(from, accepted);
    await connected(from, accepted);
    await refusal(from, origin.target);
    expect(origin.resumed).not.toContain(true);
  });
});
