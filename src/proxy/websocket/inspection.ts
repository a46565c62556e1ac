// Whether the messages of a WebSocket are inspected, decided before its handshake goes to the origin, since
// extensions that could not be read must not be offered then; and what makes the 101 a WebSocket. Everything
// after that is relay.ts. RFC 6455 §4, RFC 8441.

import { createHash } from 'node:crypto';
import { HttpError } from '../../errors.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import type { AdaptationPipeline } from '../adaptation/pipeline.ts';
import type { Session } from '../session.ts';
import type { Deflate } from './extensions.ts';
import { agreedDeflate, withReadableOffers } from './extensions.ts';
import { BINARY, TEXT } from './frames.ts';
import { MessageShape } from './messages.ts';

export interface WebSocketSettings {
  /** Whether messages are inspected at all. */
  readonly inspect: boolean;
  /** Bytes of a message that services are shown at once. */
  readonly maxMessageBytes: number;
}

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §4.2.2

/** A handshake on its way. */
export interface Handshake {
  /** With http or https. */
  readonly url: string;
  readonly host: string;
  /** Value of Upgrade. */
  readonly upgrade: string;
  readonly headers: RawHeaders;
}

export class WebSocketInspection {
  readonly settings: WebSocketSettings;
  readonly shape: MessageShape;
  readonly host: string;
  readonly url: string;

  /**
   * Null: the request asks for something else, or no rule is for messages of that URL.
   * @param hooked  plugins want to see messages, whatever the rules say
   */
  static of(
    settings: WebSocketSettings,
    pipeline: AdaptationPipeline,
    { client, user, groups = [] }: Session,
    handshake: Handshake,
    hooked: boolean,
  ): WebSocketInspection | null {
    const { upgrade, host } = handshake;
    if (!namesWebSocket(upgrade) || (!settings.inspect && !hooked)) return null;
    const inspection = new WebSocketInspection(settings, handshake);
    const seen = [TEXT, BINARY].some((opcode) =>
      (['outgoing', 'incoming'] as const).some((direction) => {
        const heads = inspection.shape.headsOf(direction, opcode as typeof TEXT | typeof BINARY, null);
        const method = direction === 'outgoing' ? 'REQMOD' : 'RESPMOD';
        return pipeline.sees(method, { host, ...heads, clientIp: client, user, groups, length: null });
      }),
    );
    return seen || hooked ? inspection : null;
  }

  private constructor(settings: WebSocketSettings, { url, host, headers }: Handshake) {
    this.settings = settings;
    this.url = url;
    this.host = host;
    this.shape = new MessageShape(url, headers);
  }

  /** Fields of the handshake as the origin gets them. */
  offer(headers: RawHeaders): RawHeaders {
    return withReadableOffers(headers);
  }

  /**
   * Whether the origin has switched to WebSocket, and how.
   * @returns null: to something else
   * @throws {HttpError} `ERR_ORIGIN_RESPONSE`: an extension that nobody has asked for
   */
  accept({ headers }: ResponseHead): { readonly deflate: Deflate | null } | null {
    if (!namesWebSocket(fieldValue(headers, 'upgrade') ?? '')) return null;
    return { deflate: agreedDeflate(headers) };
  }
}

/**
 * For a client that cannot know, as HTTP/2 has no keys: whether the origin has read the handshake.
 * @throws {HttpError} `ERR_ORIGIN_RESPONSE`
 */
export function checkAccept(asked: RawHeaders, { headers }: ResponseHead): void {
  const key = fieldValue(asked, 'sec-websocket-key');
  if (key === undefined) return;
  const expected = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
  if (fieldValue(headers, 'sec-websocket-accept') === expected) return;
  throw new HttpError('ERR_ORIGIN_RESPONSE', 'the origin answered a WebSocket handshake with a wrong key');
}

function namesWebSocket(upgrade: string): boolean {
  return upgrade.split(',').some((token) => /^websocket(?:\/|$)/i.test(token.trim()));
}
