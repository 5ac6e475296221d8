/**
 * Time, as an argument. Everything in this package that waits asks a Clock, so a test can move time
 * by hand and never sleeps.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs callback once after delayMs; the function returned cancels it (late calls do nothing). */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
