// How a receiver knows that a webhook is ours and new: HMAC-SHA256 over time and body, with the secret that both
// know. docs/operations/siem.md has the receiver's part in other languages.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds that a receiver should let a signature be old. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;

/** Value of `Weir-Signature`: `t=<seconds since 1970>,v1=<hex>`, of `<seconds>.<body>`. */
export function webhookSignature(body: Buffer, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${digestOf(body, secret, seconds)}`;
}

/** Whether the value is right for the body, and not older or newer than the tolerance. */
export function isWebhookSignature(value: string, body: Buffer, secret: string, nowMs: number): boolean {
  const [, seconds = '', digest = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(value) ?? [];
  if (digest === '') return false;
  if (Math.abs(nowMs / 1000 - Number(seconds)) > SIGNATURE_TOLERANCE_SECONDS) return false;
  return timingSafeEqual(Buffer.from(digest), Buffer.from(digestOf(body, secret, Number(seconds))));
}

function digestOf(body: Buffer, secret: string, seconds: number): string {
  return createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
}
