// Checks of the URI in the request line: which forms find the service. RFC 3507 §4.2; C-02 … C-07.

import { formatListen } from '../../../config/addresses.ts';
import type { CheckContext } from '../context.ts';
import { accepted, right, statusOf, told, wrong } from '../judge.ts';
import type { Check, Finding, Level } from '../types.ts';

export const uriChecks: readonly Check[] = [
  found(
    'query',
    'must',
    'finds the service when the URI has arguments',
    'A message with `?doctor=1&mode=test` behind the path.',
    'Clients that pass arguments, such as a policy name, do not find the service.',
    ({ target, uri }) => uri(`${target.path}${target.path.includes('?') ? '&' : '?'}doctor=1&mode=test`),
  ),
  found(
    'other-host',
    'should',
    'does not mind by which name it is called',
    'A message for `icap://icap.doctor.example:1344/…`.',
    'Behind a virtual address, NAT or an alias the service is not found.',
    ({ target }) => `icap://icap.doctor.example:1344${target.path}`,
  ),
  found(
    'no-port',
    'should',
    'takes a URI without port',
    'A message for `icap://host/…`.',
    'Clients that leave out the usual port are refused.',
    ({ target }) => `icap://${hostOf(target)}${target.path}`,
  ),
  found(
    'empty-port',
    'should',
    'takes a URI with an empty port',
    'A message for `icap://host:/…`.',
    'Legal and rare; clients that write it are refused.',
    ({ target }) => `icap://${hostOf(target)}:${target.path}`,
  ),
  found(
    'scheme-case',
    'should',
    'takes the scheme in any case',
    'A message for `ICAP://…`.',
    'Legal and rare; clients that write it are refused.',
    ({ target }) => `ICAP://${formatListen(target)}${target.path}`,
  ),
  found(
    'userinfo',
    'should',
    'takes a URI with a user name',
    'A message for `icap://doctor@host:port/…`.',
    'Clients that do not remove the user name from their configuration are refused.',
    ({ target }) => `icap://doctor@${formatListen(target)}${target.path}`,
  ),
  found(
    'ipv6-host',
    'should',
    'takes a URI with an IPv6 address',
    'A message for `icap://[2001:db8::1]:1344/…`.',
    'Clients in IPv6 networks are refused.',
    ({ target }) => `icap://[2001:db8::1]:1344${target.path}`,
  ),
  {
    id: 'uri.trailing-slash',
    group: 'uri',
    level: 'info',
    needs: 'options',
    title: 'what it does with a / behind the path',
    clause: 'RFC 3507 §4.2',
    sends: 'OPTIONS for the path with a `/` at its end.',
    means: 'Nothing: write the URL without.',
    run: (context) => which(context, context.uri(`${plainPath(context)}/`)),
  },
  {
    id: 'uri.path-case',
    group: 'uri',
    level: 'info',
    needs: 'options',
    title: 'whether the case of the path matters',
    clause: 'RFC 3507 §4.2',
    sends: 'OPTIONS for the path with its case swapped.',
    means: 'Nothing: write the URL as the server spells it.',
    run: (context) => which(context, context.uri(swapCase(plainPath(context)))),
  },
];

/** A check that a message finds the service by another form of its URI. */
function found(
  what: string,
  level: Level,
  title: string,
  sends: string,
  means: string,
  form: (context: { target: CheckContext['target']; uri: (path: string) => string }) => string,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const uri = form({ target: context.target, uri: (path) => context.uri(path) });
    return accepted(await context.exchange(context.message({ uri })));
  };
  const clause = 'RFC 3507 §4.2';
  return { id: `uri.${what}`, group: 'uri', level, needs: 'message', title, clause, sends, means, run };
}

async function which(context: CheckContext, uri: string): Promise<Finding> {
  const { final } = await context.exchange(context.options({ uri }));
  if (final.kind !== 'response') return wrong(final.what);
  return right(statusOf(final) === 200 ? 'found' : `not found: ${told(final)}`);
}

function hostOf({ host }: CheckContext['target']): string {
  return host.includes(':') ? `[${host}]` : host;
}

function plainPath({ target }: CheckContext): string {
  return target.path.replace(/\?.*$/, '').replace(/\/$/, '');
}

function swapCase(text: string): string {
  return text.replace(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}
