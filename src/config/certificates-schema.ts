// The schema of proxy.ca, and of what proxy.upstream says about the certificates of origins.

import { parseHostPattern } from './addresses.ts';
import {
  duration,
  filePath,
  flag,
  key,
  listOf,
  listOfSections,
  oneOf,
  orNull,
  read,
  required,
  section,
  text,
} from './values.ts';

const DAY = 24 * 3_600_000; // milliseconds
const MINUTE = 60_000;

const hostPattern = read('host | *.suffix | *', parseHostPattern);

export const proxyCa = section(
  {
    passphraseFile: key(
      orNull(filePath),
      null,
      'File whose first line is the passphrase of ca.key. Null: that of the variable WEIR_CA_PASSPHRASE, if it is set.',
    ),
    keyType: key(oneOf('ec', 'rsa'), 'ec', 'Kind of key of a CA that is made at the first start.'),
    nameConstraints: listOf(
      text(
        'domain | network',
        'a domain such as example.com, or a network such as 10.0.0.0/8',
        /^[^\s,]{1,253}$/,
      ),
      [],
      'Domains and networks that a CA which is made at the first start may certify; clients accept it for no others. Empty: all.',
    ),
    wildcards: key(
      flag,
      true,
      'Whether the sub-domains of one domain share a certificate (*.example.com): a name never seen before then costs nothing.',
    ),
    keepLeafs: key(
      flag,
      true,
      'Whether certificates made for sites, and their keys, are kept in proxy.certs over a restart.',
    ),
  },
  'The certificate authority that signs what clients see; its files are in proxy.certs.',
);

export const upstreamCertificates = {
  onCertError: listOfSections(
    {
      hosts: listOf(hostPattern, ['*'], 'Hosts that the rule is for.'),
      action: required(
        oneOf('block', 'warn', 'mirror'),
        'block answers with a page that explains, warn lets the user of a browser go on from that page, mirror shows the client a certificate that it does not trust either.',
      ),
    },
    { preset: ['block'], short: 'action' },
    'What happens when the certificate of an origin cannot be verified: one action, or rules of which the first that matches wins; none means block.',
  ),
  certErrorPass: key(
    duration(MINUTE, DAY),
    '1h',
    'Time that the decision to go on to a site with such a certificate holds.',
  ),
  completeChains: key(
    flag,
    true,
    'Whether an intermediate certificate that an origin does not send is fetched from where its certificate says (http only).',
  ),
  revocation: key(
    oneOf('off', 'stapled', 'crl'),
    'stapled',
    'How revoked certificates are found: stapled looks at the OCSP response that origins send along and at `crls`, crl fetches the lists named in certificates as well. An origin about which nothing is known passes.',
  ),
  crls: listOf(filePath, [], 'Files with certificate revocation lists, PEM or DER.'),
};
