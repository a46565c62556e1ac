// Between base64, bytes and text.

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Line ends as marks, other bytes that are no characters as their numbers. */
export function visibleOf(data: Uint8Array): string {
  return latin1Of(data)
    .replace(/\r?\n/g, (end) => (end.length === 2 ? '\\r\\n\n' : '\\n\n'))
    .replace(/[^\n\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** One character a byte, as heads of messages are. */
export function latin1Of(data: Uint8Array): string {
  return Array.from(data, (byte) => String.fromCharCode(byte)).join('');
}
