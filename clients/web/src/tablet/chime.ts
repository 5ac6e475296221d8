/**
 * The bell: two struck tones, repeated until it is stopped. Synthesised, so there is no file to load when the network
 * is bad. An order that was alerted makes it hurry. Browsers keep a page silent until somebody has touched it; `unlocked` tells whether that has happened.
 */
const REPEAT_MS = 3_500;
/** How often the bell is struck for an alert, without a pause. */
const URGENT_STRIKES = 3;
const STRIKE_S = 1.2;
const TONES = [
  { frequency: 880, delay: 0 },
  { frequency: 1174.7, delay: 0.18 },
  { frequency: 880, delay: 0.6 },
  { frequency: 1174.7, delay: 0.78 },
];
const PEAK = 0.5;
const DECAY_S = 0.9;

export class Chime {
  private readonly context = new AudioContext();
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(onChange: () => void) {
    this.context.addEventListener('statechange', onChange);
  }

  get unlocked(): boolean {
    return this.context.state === 'running';
  }

  /** Must be called from within a tap or key press. */
  unlock(): void {
    void this.context.resume().then(() => this.strike());
  }

  setRinging(ringing: boolean): void {
    if (ringing === (this.timer !== null)) return;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = ringing ? setInterval(() => this.strike(), REPEAT_MS) : null;
    if (ringing) this.strike();
  }

  /** Rings at once and harder, whatever it is doing. */
  urge(): void {
    for (let count = 0; count < URGENT_STRIKES; count++) this.strike(count * STRIKE_S);
  }

  private strike(afterS = 0): void {
    if (!this.unlocked) return;
    for (const { frequency, delay } of TONES) this.playTone(frequency, this.context.currentTime + afterS + delay);
  }

  private playTone(frequency: number, start: number): void {
    const oscillator = new OscillatorNode(this.context, { type: 'triangle', frequency });
    const gain = new GainNode(this.context, { gain: 0 });
    gain.gain.setValueAtTime(PEAK, start);
    gain.gain.exponentialRampToValueAtTime(0.001, start + DECAY_S);
    oscillator.connect(gain).connect(this.context.destination);
    oscillator.start(start);
    oscillator.stop(start + DECAY_S);
  }
}
