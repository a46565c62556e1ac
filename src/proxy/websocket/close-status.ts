// With which status code and reason a WebSocket is closed when a message may not pass, or cannot be read.
// RFC 6455 §7.4.1.

import type { WeirError } from '../../errors.ts';
import { INTERNAL_ERROR, MESSAGE_TOO_BIG, POLICY_VIOLATION } from './frames.ts';

export interface CloseStatus {
  readonly code: number;
  readonly reason: string;
}

export function closeStatusOf({ code, message, fields }: WeirError): CloseStatus {
  switch (code) {
    case 'ERR_ADAPT_BLOCKED':
      return { code: POLICY_VIOLATION, reason: `blocked: ${String(fields['threat'])}` };
    case 'ERR_ADAPT_NOT_SCANNED': {
      const reason = String(fields['reason']);
      const isSize = reason === 'size';
      return { code: isSize ? MESSAGE_TOO_BIG : POLICY_VIOLATION, reason: `not scanned: ${reason}` };
    }
    case 'ERR_WEBSOCKET_FRAME':
      return { code: Number(fields['closeCode']), reason: message };
    default:
      return { code: INTERNAL_ERROR, reason: `not inspected: ${code}` };
  }
}
