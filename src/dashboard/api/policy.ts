// /api/policy: what the configuration says, what it would mean for a request, and how it is changed. Reading,
// checking and writing it is the source's.

import type { ApiReply } from '../reply.ts';
import { ok, refused } from '../reply.ts';
import type { Route } from '../router.ts';
import { textOf } from './parameters.ts';
import type { DashboardSources, PolicySource, PolicyWritten } from './sources.ts';
import type { PolicyChange, PolicyTestRequest } from './types.ts';

const MAX_YAML = 256 * 1024; // characters; as a file may have bytes
const PROFILE_NAME = /^[\w.-]{1,64}$/;
const MAX_URL = 8192;
const OPTIONAL = ['method', 'type', 'clientIp', 'user'] as const;

/** @param onWritten  told of each change that is in force */
export function policyRoutes(
  { policy }: DashboardSources,
  onWritten: (digest: string, applied: readonly string[]) => void,
): Route[] {
  const written = (result: PolicyWritten): ApiReply => {
    if (result.kind === 'done') onWritten(result.reply.digest, result.reply.applied);
    return replyOf(result);
  };
  const route = (
    method: Route['method'],
    path: string,
    answer: (source: PolicySource, body: Readonly<Record<string, unknown>>) => ApiReply | Promise<ApiReply>,
  ): Route => ({
    method,
    path,
    answer: ({ body }) => (policy === null ? NO_POLICY : answer(policy, body)),
  });
  return [
    route('GET', '/api/policy', async (source) => ok(await source.read())),
    route('POST', '/api/policy/check', async (source, body) => {
      const yaml = textOf(body, 'yaml', MAX_YAML);
      if (typeof yaml !== 'string') return yaml ?? MISSING_YAML;
      return ok(await source.check(yaml));
    }),
    route('POST', '/api/policy/test', (source, body) => {
      const request = testRequestOf(body);
      if ('status' in request) return request;
      const found = source.test(request);
      return found === null ? refused(404, 'no proxy runs here') : ok(found);
    }),
    route('POST', '/api/policy/draft', (source, body) => {
      const yaml = textOf(body, 'yaml', MAX_YAML);
      if (typeof yaml !== 'string') return yaml ?? MISSING_YAML;
      const change = changeOf(body['change']);
      if (change === null) return UNKNOWN_CHANGE;
      const draft = source.draft(yaml, change);
      return 'refusal' in draft ? refused(422, draft.refusal) : ok(draft);
    }),
    route('PUT', '/api/policy', async (source, body) => {
      const yaml = textOf(body, 'yaml', MAX_YAML);
      if (typeof yaml !== 'string') return yaml ?? MISSING_YAML;
      const digest = textOf(body, 'digest', 64);
      if (typeof digest !== 'string') return digest ?? MISSING_DIGEST;
      return written(await source.write(yaml, digest));
    }),
  ];
}

/** Null: it is none. Whether a place is in the list and what a value says is looked at with the text. */
function changeOf(body: unknown): PolicyChange | null {
  if (typeof body !== 'object' || body === null) return null;
  const { list, profile, do: what, at, to, value } = body as Readonly<Record<string, unknown>>;
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  const settings = isMap ? (value as Record<string, unknown>) : null;
  if (typeof profile === 'string' && PROFILE_NAME.test(profile)) {
    if (what === 'remove') return { profile, do: what };
    return what === 'set' && settings !== null ? { profile, do: what, value: settings } : null;
  }
  if ((list !== 'tls' && list !== 'adaptation') || typeof at !== 'number') return null;
  if (what === 'remove') return { list, do: what, at };
  if (what === 'move') return typeof to === 'number' ? { list, do: what, at, to } : null;
  if ((what !== 'add' && what !== 'replace') || settings === null) return null;
  return { list, do: what, at, value: settings };
}

function testRequestOf(body: Readonly<Record<string, unknown>>): PolicyTestRequest | ApiReply {
  const url = textOf(body, 'url', MAX_URL);
  if (typeof url !== 'string') return url ?? refused(400, 'url: is missing');
  if (!/^https?:\/\/[^\s/?#]+/i.test(url) || !URL.canParse(url)) {
    return refused(400, 'url: expected an absolute URL', { hint: 'e.g. https://example.com/file.zip' });
  }
  const more: Partial<Record<(typeof OPTIONAL)[number], string>> = {};
  for (const name of OPTIONAL) {
    const value = textOf(body, name, 256);
    if (typeof value === 'object') return value;
    if (value !== undefined && value !== '') more[name] = value;
  }
  return { url, ...more };
}

function replyOf(result: PolicyWritten): ApiReply {
  switch (result.kind) {
    case 'done':
      return ok(result.reply);
    case 'no-file':
      return refused(409, 'there is no configuration file to write', {
        hint: 'start Weir with --config and the path of a file',
      });
    case 'changed':
      return refused(409, 'the file has changed meanwhile', {
        digest: result.digest,
        hint: 'load it again and make your change anew',
      });
    case 'invalid':
      return refused(422, 'the configuration is not right', { problems: result.problems });
    case 'refused':
      return refused(422, `it cannot be put in force: ${result.error}`, {
        code: result.code,
        hint: 'the file and what is in force are as they were',
      });
  }
}

const NO_POLICY = refused(404, 'no policy is known');
const UNKNOWN_CHANGE = refused(400, 'change: expected a change of a rule or a profile', {
  hint: 'e.g. { "list": "tls", "do": "add", "at": 0, "value": { "hosts": ["a.example"], "action": "splice" } }',
});
const MISSING_YAML = refused(400, 'yaml: is missing');
const MISSING_DIGEST = refused(400, 'digest: is missing', { hint: 'GET /api/policy tells it' });
