// Time limits of calls into plugins, which begin anew when a call is given to a thread: waiting for one, while
// another call holds it up, is not the call's fault. Who sets a limit names its timer; isolation/ begins it anew.

const TIMER = Symbol('timer');
type Limited = AbortSignal & { [TIMER]?: NodeJS.Timeout };

/** The timer ends what that signal is given to; it is not cleared before that has settled. */
export function limitedBy(signal: AbortSignal, timer: NodeJS.Timeout): void {
  (signal as Limited)[TIMER] = timer;
}

/** The whole time again, for what has not settled; without effect where no timer is known. */
export function beginLimitAnew(signal: AbortSignal): void {
  (signal as Limited)[TIMER]?.refresh();
}
