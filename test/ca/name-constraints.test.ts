import { beforeAll, describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { LeafContexts } from '../../src/ca/leaf-cache.ts';
import { mintLeaf, processLeafKey } from '../../src/ca/leaf.ts';
import { parsePermitted } from '../../src/ca/name-constraints.ts';
import { openssl, opensslVerify, temporaryFolder } from './pki.ts';

const authorities: Record<string, CertificateAuthority> = {};

async function limitedTo(...entries: string[]): Promise<CertificateAuthority> {
  await using folder = await temporaryFolder();
  return (await CertificateAuthority.loadOrCreate(folder.path, { permitted: parsePermitted(entries) })).ca;
}

beforeAll(async () => {
  authorities['domains'] = await limitedTo('example.com', '.b.example');
  authorities['networks'] = await limitedTo('10.0.0.0/8', '192.0.2.7', '2001:db8::/32');
  authorities['both'] = await limitedTo('example.com', '10.0.0.0/8');
});

describe.each([
  [
    'domains',
    ['example.com', 'a.example.com', 'x.y.b.example'],
    ['notexample.com', 'example.org', '10.0.0.1', '::1'],
  ],
  [
    'networks',
    ['10.1.2.3', '192.0.2.7', '2001:db8:1::5'],
    ['11.0.0.1', '192.0.2.8', '2001:db9::1', 'example.com'],
  ],
  ['both', ['www.example.com', '10.1.2.3'], ['example.net', '11.0.0.1', '::1']],
])('a CA limited to %s', (kind, within, beyond) => {
  test.each(within)('certifies %s, and openssl accepts it', async (name) => {
    const ca = authorities[kind]!;
    expect(ca.permits(name)).toBe(true);
    expect(await opensslVerify(ca.certificatePem, mintLeaf(ca, [name], processLeafKey()).pem, name)).toMatch(
      /OK/,
    );
  });

  test.each(beyond)('does not certify %s, and openssl would not accept it', async (name) => {
    const ca = authorities[kind]!;
    expect(ca.permits(name)).toBe(false);
    const { pem } = mintLeaf(ca, [name], processLeafKey());
    await expect(opensslVerify(ca.certificatePem, pem, name)).rejects.toThrow(/excluded|permitted subtree/);
    expect(() => new LeafContexts(ca).contextFor(name)).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_NAME', message: expect.stringMatching(/splice it/) }),
    );
  });
});

test('the extension is critical, and is told back as it was written', async () => {
  await using folder = await temporaryFolder();
  const entries = ['example.com', '10.0.0.0/8', '2001:db8::/32'];
  const { ca } = await CertificateAuthority.loadOrCreate(folder.path, { permitted: parsePermitted(entries) });
  expect(await openssl('x509', '-in', ca.certificatePath, '-noout', '-text')).toMatch(
    /Name Constraints: critical/,
  );
  const told = ca.bounds.flatMap((bounds) => bounds.describe());
  expect(told).toEqual(expect.arrayContaining(['example.com', '10.0.0.0/8']));
  expect(told).toHaveLength(3);
});

test('a wildcard leaf is for names within the limits only', async () => {
  const contexts = new LeafContexts(await limitedTo('www.example.com'), { wildcards: true });
  contexts.contextFor('www.example.com');
  contexts.contextFor('a.www.example.com');
  expect(contexts.size).toBe(2); // not *.example.com
});

describe('ERR_CA_INVALID', () => {
  test.each(['', 'a b', '10.0.0.0/33', '10.0.0.0/8/8', '2001:db8::/129', 'http://x', '*.', '-a.example'])(
    'meets %j as a permitted name',
    (entry) => {
      expect(() => parsePermitted([entry])).toThrow(expect.objectContaining({ code: 'ERR_CA_INVALID' }));
    },
  );

  test('meets more than a hundred of them', () => {
    const many = Array.from({ length: 101 }, (_, index) => `h${index}.example`);
    expect(() => parsePermitted(many)).toThrow(/at most 100/);
    expect(parsePermitted(many.slice(1)).domains).toHaveLength(100);
  });
});
