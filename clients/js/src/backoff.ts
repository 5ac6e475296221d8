/**
 * How long to wait before the next attempt: "full jitter". The whole interval is random, because
 * thousands of tablets lose the same hub in the same millisecond and must not return together.
 */
const BASE_MS = 500;
const CAP_MS = 20_000;

/** A delay in [0, min(20 s, 0.5 s * 2^attempt)); attempt counts from 0, random() is in [0, 1). */
export function fullJitterDelayMs(attempt: number, random: () => number): number {
  return Math.floor(random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt));
}
