// Certificates of every bad kind, made by node-forge and openssl and not by src/ca, so that a fault of ours
// cannot make a test of them pass. RSA throughout, with two keys for all of them: making keys is slow.

import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { tempDir } from '../../support/tempDir.ts';

const run = promisify(execFile);
const DAY_MS = 86_400_000;

export interface Certificate {
  /** PEM, the certificate alone. */
  readonly cert: string;
  readonly key: string;
  readonly subject: string;
  /** Hexadecimal. */
  readonly serial: string;
}

export interface CertificateOptions {
  readonly subject: string;
  /** Itself, where it is missing. */
  readonly issuer?: Certificate;
  readonly names?: readonly string[];
  readonly ca?: boolean;
  /** Days from now; default yesterday to tomorrow. */
  readonly from?: number;
  readonly to?: number;
  /** Where its issuer is to be had (AIA). */
  readonly issuerUrl?: string;
  /** Where the list of revoked ones is to be had. */
  readonly crlUrl?: string;
  readonly purpose?: 'serverAuth' | 'codeSigning' | 'OCSPSigning';
  readonly digest?: 'sha256' | 'sha1';
}

function keyPair(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

let keys: { readonly ca: string; readonly leaf: string } | null = null;

export function makeCertificate(options: CertificateOptions): Certificate {
  keys ??= { ca: keyPair(), leaf: keyPair() };
  const { subject, issuer, names = [], ca = false, from = -1, to = 1, digest = 'sha256' } = options;
  const own = ca ? keys.ca : keys.leaf;
  const privateKey = forge.pki.privateKeyFromPem(own);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  certificate.serialNumber = `4${randomBytes(8).toString('hex').slice(1)}`;
  certificate.validity.notBefore = new Date(Date.now() + from * DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + to * DAY_MS);
  certificate.setSubject(nameOf(subject));
  certificate.setIssuer(nameOf(issuer?.subject ?? subject));
  const altNames = names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }));
  certificate.setExtensions([
    { name: 'basicConstraints', cA: ca, critical: true },
    ca
      ? { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true }
      : { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    ...(ca ? [] : [purposeOf(options.purpose ?? 'serverAuth')]),
    ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
    ...(options.issuerUrl === undefined ? [] : [issuerAt(options.issuerUrl)]),
    ...(options.crlUrl === undefined ? [] : [listAt(options.crlUrl)]),
  ]);
  const signer = forge.pki.privateKeyFromPem(issuer?.key ?? own);
  certificate.sign(signer, digest === 'sha256' ? forge.md.sha256.create() : forge.md.sha1.create());
  const cert = forge.pki.certificateToPem(certificate);
  return { cert, key: own, subject, serial: certificate.serialNumber };
}

const nameOf = (commonName: string): forge.pki.CertificateField[] => [
  { name: 'commonName', value: commonName },
];

function purposeOf(purpose: string): object {
  if (purpose !== 'OCSPSigning') return { name: 'extKeyUsage', [purpose]: true };
  const { asn1 } = forge;
  const id = asn1.oidToDer('1.3.6.1.5.5.7.3.9').getBytes();
  return { id: '2.5.29.37', value: encoded(sequence(asn1.create(0, asn1.Type.OID, false, id))) };
}

const sequence = (...items: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
  forge.asn1.create(0, forge.asn1.Type.SEQUENCE, true, items);
const tagged = (tag: number, content: string | forge.asn1.Asn1[]): forge.asn1.Asn1 =>
  forge.asn1.create(0x80, tag, typeof content !== 'string', content);
const encoded = (node: forge.asn1.Asn1): string => forge.asn1.toDer(node).getBytes();

function issuerAt(url: string): object {
  const method = forge.asn1.oidToDer('1.3.6.1.5.5.7.48.2').getBytes();
  const access = sequence(forge.asn1.create(0, forge.asn1.Type.OID, false, method), tagged(6, url));
  return { id: '1.3.6.1.5.5.7.1.1', value: encoded(sequence(access)) };
}

function listAt(url: string): object {
  const point = sequence(tagged(0, [tagged(0, [tagged(6, url)])]));
  return { id: '2.5.29.31', value: encoded(sequence(point)) };
}

/** DER of a certificate in PEM. */
export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

/** What openssl's CA database says of certificates: revoked or good. */
async function database(
  folder: string,
  entries: readonly { certificate: Certificate; revoked: boolean }[],
): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  const date = (ms: number): string =>
    `${new Date(ms)
      .toISOString()
      .replace(/[-:T]|\.\d+/g, '')
      .slice(2)}`;
  const lines = entries.map(({ certificate, revoked }) =>
    [
      revoked ? 'R' : 'V',
      date(Date.now() + DAY_MS),
      revoked ? date(Date.now() - 3_600_000) : '',
      certificate.serial.toUpperCase(),
      'unknown',
      `/CN=${certificate.subject}`,
    ].join('\t'),
  );
  await writeFile(`${folder}/index.txt`, lines.map((line) => `${line}\n`).join(''));
  await writeFile(`${folder}/index.txt.attr`, 'unique_subject = no\n');
  await writeFile(
    `${folder}/cnf`,
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${folder}/index.txt\ndefault_md=sha256\ndefault_crl_days=1\n`,
  );
}

/** A revocation list in PEM, made by `openssl ca -gencrl`. @param days  it is good for; negative: over */
export async function revocationList(
  issuer: Certificate,
  revoked: readonly Certificate[],
  days = 1,
): Promise<string> {
  await using folder = await tempDir();
  await database(
    folder.path,
    revoked.map((certificate) => ({ certificate, revoked: true })),
  );
  await folder.write('ca.pem', issuer.cert);
  await folder.write('ca.key', issuer.key);
  const dates =
    days > 0
      ? ['-crldays', String(days)]
      : ['-crl_lastupdate', '20250101000000Z', '-crl_nextupdate', '20250102000000Z'];
  const { stdout } = await run('openssl', [
    ...['ca', '-gencrl', '-config', folder.join('cnf'), '-keyfile', folder.join('ca.key')],
    ...['-cert', folder.join('ca.pem'), ...dates],
  ]);
  return stdout;
}

/**
 * An OCSP response in DER, made by `openssl ocsp`.
 * @param responder  signs it; the issuer where it is missing
 */
export async function ocspResponse(
  certificate: Certificate,
  issuer: Certificate,
  options: { readonly revoked: boolean; readonly responder?: Certificate },
): Promise<Buffer> {
  const { readFile } = await import('node:fs/promises');
  const { revoked, responder = issuer } = options;
  await using folder = await tempDir();
  await database(folder.path, [{ certificate, revoked }]);
  await folder.write('ca.pem', issuer.cert);
  await folder.write('leaf.pem', certificate.cert);
  await folder.write('signer.pem', responder.cert);
  await folder.write('signer.key', responder.key);
  const at = (name: string): string => folder.join(name);
  await run('openssl', [
    ...['ocsp', '-issuer', at('ca.pem'), '-cert', at('leaf.pem'), '-no_nonce'],
    ...['-index', at('index.txt'), '-CA', at('ca.pem')],
    ...['-rsigner', at('signer.pem'), '-rkey', at('signer.key')],
    ...['-respout', at('response'), '-ndays', '1'],
  ]);
  return await readFile(at('response'));
}
