// The schema of adaptation.rules, of groups and of what happens to messages that were not scanned. What its
// keys must agree on with each other is rules-check.ts.

import { parseHostPattern, parseNetwork } from './addresses.ts';
import { notAllowed } from './problems.ts';
import {
  flag,
  key,
  listOf,
  listOfSections,
  mapOf,
  name,
  oneOf,
  orNull,
  read,
  required,
  requiredListOf,
  section,
  sectionOrNull,
  size,
  text,
} from './values.ts';

const hostPattern = read('host | *.suffix | *', parseHostPattern);
const network = read('network', parseNetwork);
const method = text('method', 'an HTTP method in capitals, or *', /^(?:[A-Z][A-Z-]{0,31}|\*)$/);
const mediaType = read('media type', (input) => {
  const pattern = /^(?:\*\/\*|[\w.+-]{1,64}\/(?:\*|[\w.+-]{1,64}))$/;
  if (typeof input === 'string' && pattern.test(input)) return input.toLowerCase();
  throw notAllowed('a media type such as text/html, image/* or */*', input);
});
const path = text(
  'path',
  'a path without query, such as /download/*, or *.exe; * stands for any characters',
  /^[/*][^\s?#\\]{0,255}$/,
);
const user = text('user', 'a user name, or * for everybody who has logged in', /^[^\u0000-\u001f]{1,256}$/);
const group = text('group', 'the name of a group of users', /^[^\u0000-\u001f]{1,256}$/);
const bytes = size(0, 1024 ** 5);

/** Fields that decide framing or the dialogue with a service: not to be taken over from another one. */
const OWN_FIELDS = [
  ...['allow', 'authorization', 'connection', 'content-length', 'encapsulated', 'host', 'istag', 'preview'],
  ...['proxy-authorization', 'service', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'user-agent'],
];
const sharedField = read('field name', (input) => {
  const sound = typeof input === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(input);
  if (sound && !OWN_FIELDS.includes(input.toLowerCase())) return input;
  throw notAllowed('the name of an ICAP field that is not part of the protocol, such as X-ICAP-E2G', input);
});

const action = oneOf('allow', 'block');
const onFailure = orNull(action);

const lists = {
  paths: listOf(path, [], 'Paths of the URL, without query; * stands for any characters. Case is ignored.'),
  clients: listOf(network, [], 'Networks of the clients.'),
  users: listOf(user, [], 'Users who have logged in to the proxy; * for all of them.'),
  groups: listOf(group, [], 'Groups of users, as the log-in or proxy.auth.groups knows them.'),
};

const condition = {
  hosts: listOf(hostPattern, ['*'], 'Hosts of the URL.'),
  methods: listOf(method, ['*'], 'Methods of the request. CONNECT only where it is named here.'),
  types: listOf(mediaType, ['*/*'], 'Media types of the message.'),
  ...lists,
  size: sectionOrNull(
    {
      min: key(orNull(bytes), null, 'Least size. Null: none.'),
      max: key(orNull(bytes), null, 'Greatest size. Null: none.'),
    },
    'Content-Length of the message. One that is not known fits a rule that uses services, and no other.',
  ),
  tls: key(orNull(flag), null, 'Whether the message came over TLS. Null: either way.'),
  query: key(orNull(oneOf('present', 'absent')), null, 'Whether the URL has a query. Null: either way.'),
  not: sectionOrNull(
    {
      hosts: listOf(hostPattern, [], 'Hosts of the URL.'),
      methods: listOf(method, [], 'Methods of the request.'),
      types: listOf(mediaType, [], 'Media types of the message.'),
      ...lists,
    },
    'Messages that the rule is not for: each entry keeps out by itself.',
  ),
};

export const adaptationGroups = mapOf(
  name,
  section(
    {
      services: requiredListOf(name, 'Members, in order of preference.'),
      strategy: key(
        oneOf('failover', 'round-robin', 'least-busy', 'hash'),
        'failover',
        'How a member is chosen.',
      ),
      hedge: key(
        flag,
        false,
        'Whether a second member is asked when the first takes longer than the p95 of the group: for messages of at most 64KiB, one in ten at most.',
      ),
    },
    'Services that stand in for each other.',
  ),
  'Groups of services by name.',
);

export const adaptationRules = listOfSections(
  {
    point: required(oneOf('reqmod', 'respmod'), 'Whether requests or responses are sent.'),
    use: requiredListOf(name, 'Services and groups, in this order. Empty: the message is left out.', 0),
    when: sectionOrNull(condition, 'Restricts the rule; null means every message.'),
    stop: key(
      orNull(flag),
      null,
      'Whether rules behind it do not count for a message that it is for. Null: true where `use` is empty.',
    ),
  },
  {
    preset: [
      { point: 'reqmod', use: ['sandblast'] },
      { point: 'respmod', use: ['sandblast'] },
    ],
  },
  'Which messages go to which services; all rules that match run, in order, up to 16 services a message.',
);

export const adaptationShare = listOf(
  sharedField,
  [],
  'ICAP fields that go from the answer of a service into the requests to those after it in the same transaction, such as X-ICAP-E2G.',
);

export const notScanned = section(
  {
    size: key(action, 'allow', 'A rule leaves out its size, or it is too large to unpack.'),
    type: key(action, 'allow', 'A rule or the service leaves out its type, or it cannot be unpacked.'),
    policy: key(action, 'allow', 'A rule leaves it out by anything else, or no rule is for it.'),
    encrypted: key(action, 'allow', 'It holds encrypted content. For tunnels proxy.tls.rules decides.'),
    range: key(
      action,
      'allow',
      'It is a part of an object (206) that could not be scanned as a whole, see `ranges`.',
    ),
    stream: key(
      action,
      'allow',
      'A body without end that `streams.policy` or a rule lets pass, or a switch to another protocol.',
    ),
    timeout: key(onFailure, null, 'The service took too long. Null: its onError.'),
    'service-down': key(onFailure, null, 'The service failed. Null: its onError.'),
  },
  'What happens to messages that were not scanned, by reason.',
);
