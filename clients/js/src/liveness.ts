/**
 * Finds a socket that only looks alive: on bad Wi-Fi it can do so for hours. Silence longer than the
 * hub's heartbeat makes us ask; no answer means dead. Browsers show no WebSocket pings to a page, so the
 * question is a message of the protocol.
 */
import type { Clock } from './clock.js';

const GRACE_MS = 5_000;
const ANSWER_MS = 10_000;

export class Liveness {
  private cancelTimer: (() => void) | null = null;
  private silenceMs = 0;
  private lastHeard = 0;
  private asking = false;

  constructor(
    private readonly clock: Clock,
    private readonly ask: () => void,
    private readonly onDead: () => void,
  ) {}

  start(heartbeatMs: number): void {
    this.stop();
    this.silenceMs = heartbeatMs + GRACE_MS;
    this.heard();
    this.wait(this.silenceMs);
  }

  stop(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.asking = false;
  }

  /** Something arrived, whatever it was. */
  heard(): void {
    this.lastHeard = this.clock.now();
    if (!this.asking) return;
    this.asking = false;
    this.wait(this.silenceMs);
  }

  /** Asks now, without waiting for silence (the device woke up, the network changed). */
  check(): void {
    if (!this.cancelTimer || this.asking) return;
    this.asking = true;
    this.wait(ANSWER_MS);
    this.ask();
  }

  private wait(delayMs: number): void {
    this.cancelTimer?.();
    this.cancelTimer = this.clock.after(delayMs, () => this.onTimer());
  }

  /* The timer is not restarted with each frame; when it fires it looks how long the silence really was. */
  private onTimer(): void {
    if (this.asking) {
      this.stop();
      this.onDead();
      return;
    }
    const left = this.lastHeard + this.silenceMs - this.clock.now();
    if (left > 0) this.wait(left);
    else this.check();
  }
}
