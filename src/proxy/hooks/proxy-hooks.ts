// Asks the hooks of plugins, one after the other, each within its time, and does what they say. Fails closed: a
// hook that fails refuses what it was asked about. Who asks when is connect.ts, forward.ts and websocket/.

import { HttpError, PluginError, isWeirError, messageOf } from '../../errors.ts';
import { collectBody } from '../../http/body.ts';
import { readHeaderFacts } from '../../http/framing.ts';
import { withoutField } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import type { HookClient, ProxyHook, RegisteredHook } from '../../plugin/api/hooks.ts';
import { HOOK_POINTS } from '../../plugin/api/hooks.ts';
import type { AllowVerdict, BlockVerdict, ModifyVerdict, Verdict } from '../../plugin/api/verdict.ts';
import { limitedBy } from '../../plugin/time-limits.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { OriginResponse } from '../origin/engine.ts';
import type { Outgoing } from '../outgoing-request.ts';
import { adoptRequest } from '../outgoing-request.ts';
import type { ProxyContext, Session } from '../session.ts';
import { TEXT } from '../websocket/frames.ts';
import type { Part } from '../websocket/lane.ts';
import type { Direction } from '../websocket/messages.ts';

type Point = (typeof HOOK_POINTS)[number];
type Change = keyof ModifyVerdict;

const TIMEOUT_MS = 5000;
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'upgrade', 'trailer', 'te']);

export class ProxyHooks {
  readonly #byPoint: ReadonlyMap<Point, readonly RegisteredHook[]>;

  /** Null where there are none. */
  static of(hooks: readonly RegisteredHook[]): ProxyHooks | null {
    return hooks.length === 0 ? null : new ProxyHooks(hooks);
  }

  private constructor(hooks: readonly RegisteredHook[]) {
    const at = (point: Point) => hooks.filter(({ hook }) => hook[point] !== undefined);
    this.#byPoint = new Map(HOOK_POINTS.map((point) => [point, at(point)]));
  }

  has(point: Point): boolean {
    return this.#byPoint.get(point)!.length > 0;
  }

  /** @throws {HttpError} `ERR_ADAPT_BLOCKED`. @throws {PluginError} `ERR_PLUGIN_HOOK` */
  async connect(session: Session, { host, port }: { host: string; port: number }): Promise<void> {
    const event = { client: clientOf(session), host, port };
    await this.#ask('onConnect', [], (hook, signal) => hook.onConnect!(event, signal), { host, port });
  }

  /**
   * Goes on with what hooks make of a request.
   * @throws as `connect`, and as {@link adoptRequest} for a place that the client could not have asked for
   */
  async request(context: ProxyContext, session: Session, outgoing: Outgoing): Promise<void> {
    if (this.has('onResponse')) {
      // Parts are put together from objects that are kept, which no hook would see again.
      const whole = withoutField(withoutField(outgoing.head.headers, 'range'), 'if-range');
      outgoing.head = { ...outgoing.head, headers: whole };
    }
    if (!this.has('onRequest')) return;
    await this.#orCancel(outgoing.body, async () => {
      const client = clientOf(session);
      const ask = (hook: ProxyHook, signal: AbortSignal) => {
        const { head, url } = outgoing;
        return hook.onRequest!({ client, method: head.method, url, headers: [...head.headers] }, signal);
      };
      await this.#ask('onRequest', ['headers', 'target'], ask, {}, ({ headers, target }) => {
        const { head, url } = outgoing;
        const changed = headers === undefined ? head.headers : keepFraming(head.headers, headers);
        const { contentLength } = outgoing;
        adoptRequest(context, session, outgoing, { ...head, target: target ?? url, headers: changed });
        outgoing.contentLength = contentLength; // the body is the client's
      });
    });
  }

  /** Puts what hooks make of its header into a response. @throws as `connect` */
  async response(session: Session, outgoing: Outgoing, response: OriginResponse): Promise<void> {
    if (!this.has('onResponse')) return;
    await this.#orCancel(response.body, async () => {
      const client = clientOf(session);
      const { url } = outgoing;
      const { method } = outgoing.head;
      const ask = (hook: ProxyHook, signal: AbortSignal) => {
        const headers = [...response.facts.endToEnd];
        return hook.onResponse!({ client, method, url, status: response.head.status, headers }, signal);
      };
      await this.#ask('onResponse', ['headers'], ask, {}, ({ headers }) => {
        if (headers === undefined) return;
        const changed = keepFraming(response.head.headers, headers);
        const { contentLength } = response.facts;
        response.head.headers = changed;
        Object.assign(response.facts, { ...readHeaderFacts(changed), contentLength });
      });
    });
  }

  /**
   * Takes a WebSocket message through the hooks.
   * @returns what goes on in its place. @throws as `connect`
   */
  async message(
    session: Session,
    url: string,
    direction: Direction,
    { opcode, body }: Part,
    cancellation: Cancellation,
  ): Promise<Buffer> {
    const release = cancellation.onCancel((reason) => body.cancel(reason));
    try {
      let data = await collectBody(body, Infinity); // lane.ts bounds what a part is
      const type = opcode === TEXT ? ('text' as const) : ('binary' as const);
      const client = clientOf(session);
      await this.#ask(
        'onWebSocketMessage',
        ['body'],
        (hook, signal) => hook.onWebSocketMessage!({ client, url, direction, type, data }, signal),
        {},
        (change) => (data = change.body ?? data),
      );
      return data;
    } finally {
      release();
    }
  }

  async #ask(
    point: Point,
    allowed: readonly Change[],
    ask: (hook: ProxyHook, signal: AbortSignal) => unknown,
    fields: { host?: string; port?: number },
    apply: (change: ModifyVerdict) => void = () => {},
  ): Promise<void> {
    for (const { plugin, hook } of this.#byPoint.get(point)!) {
      const fail = (why: string, cause?: unknown) =>
        new PluginError(
          'ERR_PLUGIN_HOOK',
          `${point} of plugin ${plugin} ${why}`,
          { plugin, ...fields },
          cause,
        );
      let answer: Verdict | undefined;
      try {
        answer = checked(await inTime(hook, ask, fail), allowed, fail);
      } catch (error) {
        // A thread's failure does not say which plugin's it was.
        const isNamed = isWeirError(error) && error.code !== 'ERR_PLUGIN_FAILED';
        throw isNamed ? error : fail(`failed: ${messageOf(error)}`, error);
      }
      if (answer?.kind === 'block') {
        const { threat, reason } = answer;
        throw new HttpError('ERR_ADAPT_BLOCKED', `${reason} (${threat}, by plugin ${plugin})`, {
          threat,
          ...fields,
        });
      }
      if (answer?.kind === 'modify') apply(answer);
    }
  }

  async #orCancel(body: { cancel(error: Error): void } | null, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      body?.cancel(error as Error);
      throw error;
    }
  }
}

type Fail = (why: string, cause?: unknown) => PluginError;

async function inTime(
  hook: ProxyHook,
  ask: (hook: ProxyHook, signal: AbortSignal) => unknown,
  fail: Fail,
): Promise<unknown> {
  const limit = new AbortController();
  const timeoutMs = hook.timeoutMs ?? TIMEOUT_MS;
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const late = fail(`took longer than ${timeoutMs} ms`);
      reject(late); // before what the hook makes of the signal
      limit.abort(late);
    }, timeoutMs);
    limitedBy(limit.signal, timer);
  });
  try {
    return await Promise.race([ask(hook, limit.signal), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

function checked(answer: unknown, allowed: readonly Change[], fail: Fail): Verdict | undefined {
  if (answer === undefined || answer === null) return undefined;
  const verdict = answer as AllowVerdict | BlockVerdict | ModifyVerdict;
  if (verdict.kind === 'allow' || verdict.kind === 'block') return verdict;
  if (verdict.kind !== 'modify' || allowed.length === 0)
    throw fail('gave an answer that has no meaning here');
  const given = (Object.keys(verdict) as Change[]).filter(
    (key) => key !== 'kind' && verdict[key] !== undefined,
  );
  const wrong = given.find((key) => !allowed.includes(key));
  if (wrong !== undefined) throw fail(`may modify ${allowed.join(' and ')} here, not ${wrong}`);
  const { headers, body } = verdict;
  if (headers !== undefined && !areFields(headers)) throw fail('gave header fields that are none');
  if (body !== undefined && !Buffer.isBuffer(body)) throw fail('gave a body that is no Buffer');
  return verdict;
}

function areFields(headers: readonly string[]): boolean {
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return false;
  return headers.every((text: unknown, i) =>
    typeof text === 'string' && i % 2 === 0
      ? /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
      : typeof text === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(text),
  );
}

/** The new fields, with the framing of the message as it is: a hook sees no body. */
function keepFraming(before: RawHeaders, after: readonly string[]): RawHeaders {
  return [...pairs(after, (name) => !FRAMING.has(name)), ...pairs(before, (name) => FRAMING.has(name))];
}

function pairs(headers: readonly string[], wanted: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (wanted(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

function clientOf({ client, user }: Session): HookClient {
  return { ip: client, user };
}
