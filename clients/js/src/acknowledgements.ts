/**
 * Tells the hub how far events got on this device. An ack covers everything before its position, so of
 * many only the latest per state is sent, at most one of each per interval: far below the hub's limit of
 * 20 messages a second even while thousands of events are replayed.
 */
import type { Clock } from './clock.js';
import type { AckState } from './messages.js';

const INTERVAL_MS = 250;

export class Acknowledgements {
  private readonly pending = new Map<AckState, string>();
  private readonly reached = new Map<AckState, number>();
  private cancelTimer: (() => void) | null = null;
  private open = false;

  constructor(
    private readonly clock: Clock,
    private readonly send: (state: AckState, position: string) => void,
  ) {}

  /** ordinal orders the events of this client; an ack behind one made before says nothing new. */
  add(state: AckState, position: string, ordinal: number): void {
    if (ordinal <= (this.reached.get(state) ?? 0)) return;
    this.reached.set(state, ordinal);
    this.pending.set(state, position);
    this.flush();
  }

  /** The socket accepts messages; what was kept meanwhile goes out. */
  start(): void {
    this.open = true;
    this.flush();
  }

  /** The socket is gone; acks are kept for the next one. */
  stop(): void {
    this.open = false;
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  private flush(): void {
    if (!this.open || this.cancelTimer || this.pending.size === 0) return;
    for (const [state, position] of this.pending) this.send(state, position);
    this.pending.clear();
    this.cancelTimer = this.clock.after(INTERVAL_MS, () => {
      this.cancelTimer = null;
      this.flush();
    });
  }
}
