/**
 * How old the hub's view is. A socket can be alive while nothing reaches the hub behind it, so "connected" is no
 * promise that there are no orders: the hub tells its age in `hello` and in each `heartbeat`, and a hub that stops
 * telling is not believed any longer either.
 */
import type { Clock } from './clock.js';

export interface FreshnessStatus {
  /** False: orders may be missing although the connection is alive. */
  fresh: boolean;
  /** Time since the hub last had proof that it had delivered everything there was. */
  viewAgeMs: number;
}

/** After so many heartbeats that did not come the view counts as stale. */
const MISSED_HEARTBEATS = 2;

export class Freshness {
  private cancelTimer: (() => void) | null = null;
  private heartbeatMs = 0;
  private staleAfterMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly onChange: (status: FreshnessStatus) => void,
  ) {}

  /** A socket has said hello. */
  start(heartbeatMs: number, staleAfterMs: number, viewAgeMs: number): void {
    this.heartbeatMs = heartbeatMs;
    this.staleAfterMs = staleAfterMs;
    this.told(viewAgeMs);
  }

  stop(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  told(viewAgeMs: number): void {
    const silenceMs = MISSED_HEARTBEATS * this.heartbeatMs;
    this.stop();
    this.cancelTimer = this.clock.after(silenceMs, () =>
      this.onChange({ fresh: false, viewAgeMs: viewAgeMs + silenceMs }),
    );
    this.onChange({ fresh: viewAgeMs < this.staleAfterMs, viewAgeMs });
  }
}
