// What takes syslog messages to where they go, whichever way.

export interface SyslogSender {
  /** Messages that were lost: no room, or nobody to send them to. */
  readonly dropped: number;
  /** Messages that are not sent yet. */
  readonly waiting: number;
  /** Takes a message and returns at once. */
  send(message: Buffer): void;
  /** Sends what waits for up to that time, then ends. */
  close(graceMs: number): Promise<void>;
}

/** Resolves when `begin` calls back, and at the latest after so many milliseconds. */
export function within(ms: number, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
