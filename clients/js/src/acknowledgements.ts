/**
 * Tells the hub how far events got on this device. An ack covers everything before its position, so of
 * many only the latest per state is sent, at most one of each per interval: far below the hub's limit of
 * 20 messages a second even while thousands of events are replayed. Nobody confirms an ack, so what was sent
 * shortly before a socket was lost is sent again on the next one; an ack that comes twice says nothing new.
 */
import type { Clock } from './clock.js';
import type { AckState } from './messages.js';

const INTERVAL_MS = 250;
/** Longer than it takes to notice that a socket is dead: an older ack has arrived. */
const UNSURE_MS = 40_000;

interface Sent {
  position: string;
  at: number;
}

export class Acknowledgements {
  private readonly pending = new Map<AckState, string>();
  private readonly sent = new Map<AckState, Sent>();
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
    for (const [state, { position, at }] of this.sent)
      if (!this.pending.has(state) && this.clock.now() - at < UNSURE_MS) this.pending.set(state, position);
    this.sent.clear();
  }

  /** The stream was reset: positions from before it mean nothing any more. */
  forget(): void {
    this.pending.clear();
    this.sent.clear();
  }

  private flush(): void {
    if (!this.open || this.cancelTimer || this.pending.size === 0) return;
    for (const [state, position] of this.pending) {
      this.send(state, position);
      this.sent.set(state, { position, at: this.clock.now() });
    }
    this.pending.clear();
    this.cancelTimer = this.clock.after(INTERVAL_MS, () => {
      this.cancelTimer = null;
      this.flush();
    });
  }
}
