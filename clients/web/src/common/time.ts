/**
 * The server's time and how long ago something was. Tablets' clocks are often wrong by minutes; an order's
 * age is what the kitchen works by, so it is measured against the server's clock.
 */
import { language } from './language.js';

/** The Date header counts whole seconds, so smaller differences mean nothing. */
const NOISE_MS = 2_000;

let offsetMs = 0;

export function learnServerTime(time: Date): void {
  const offset = time.getTime() - Date.now();
  if (Number.isFinite(offset)) offsetMs = Math.abs(offset) > NOISE_MS ? offset : 0;
}

export function serverNow(): number {
  return Date.now() + offsetMs;
}

export function ageMs(since: string): number {
  return Math.max(0, serverNow() - Date.parse(since));
}

/** 3:07, or 1:02:45. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** A time of today, or with its day. */
export function formatMoment(time: string): string {
  const date = new Date(time);
  if (date.toDateString() === new Date(serverNow()).toDateString()) return formatTime(time);
  const form: Intl.DateTimeFormatOptions = { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' };
  return new Intl.DateTimeFormat(language(), form).format(date);
}

export function formatTime(time: string | number): string {
  return new Intl.DateTimeFormat(language(), { hour: 'numeric', minute: '2-digit' }).format(new Date(time));
}
