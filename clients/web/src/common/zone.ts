/** Times of a place whose clocks need not be those of the reader. */
const HOUR_MS = 3_600_000;

/** When the clocks there next show that full hour; later than `after`. */
export function nextHour(hour: number, timeZone: string, after: number): number {
  const local = localTime(after, timeZone);
  const today = Math.floor(local / (24 * HOUR_MS)) * 24 * HOUR_MS + hour * HOUR_MS;
  const wanted = today > local ? today : today + 24 * HOUR_MS;
  /* The clocks may be put forward or back in between: then the first guess is off by that much. */
  const guess = after + (wanted - local);
  return guess + (wanted - localTime(guess, timeZone));
}

/** What the clocks there show, as if it were UTC. */
function localTime(time: number, timeZone: string): number {
  const form = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
  const parts = new Intl.DateTimeFormat('en', { ...form, hourCycle: 'h23', timeZone }).formatToParts(time);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'), time % 1000);
}
