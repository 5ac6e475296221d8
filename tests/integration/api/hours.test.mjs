/** Opening hours: what is accepted, what an order meets, and the moments that they come to, held against another way to count them. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { makeSchema, start, until } from './own.mjs';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database };
const api = `http://127.0.0.1:${(await start('serve', settings)).port}`;
const ask = (text) => sql(text, database);

const HOURS = '/api/v1/restaurants/me/hours';
const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const DAY_MS = 86_400_000;
const ALWAYS = Object.fromEntries(DAYS.map((day) => [day, [{ opens: '00:00', closes: '24:00' }]]));
const EVENINGS = Object.fromEntries(DAYS.map((day) => [day, [{ opens: '17:00', closes: '02:00' }]]));

async function open() {
  const restaurant = await makeRestaurant(database);
  return { ...restaurant, owner: await mintToken('owner', restaurant.id) };
}

const put = (restaurant, body) => request('PUT', HOURS, { token: restaurant.owner, body, api });
const look = async (restaurant) => (await request('GET', `/api/v1/restaurants/${restaurant.id}`, { api })).body;
const place = (restaurant) => request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]), api });
/** The day that it is in Seoul in so many days; Seoul has no summer time. */
const dayInSeoul = (days) => new Date(Date.now() + 9 * 3_600_000 + days * DAY_MS).toISOString().slice(0, 10);

test('hours are kept as they were set, and taken away again', async () => {
  const restaurant = await open();
  const none = await request('GET', HOURS, { token: restaurant.owner, api });
  assert.deepEqual([none.body.weekly, none.body.exceptions, none.body.time_zone], [null, [], 'Asia/Seoul']);
  const wanted = {
    weekly: { monday: [{ opens: '11:00', closes: '14:30' }, { opens: '17:00', closes: '02:00' }], sunday: [] },
    exceptions: [{ date: '2026-12-25', ranges: [], reason: 'Christmas' }, { date: '2028-02-29', ranges: [{ opens: '12:00', closes: '24:00' }] }],
  };
  const set = await put(restaurant, { time_zone: 'europe/berlin', ...wanted });
  assert.equal(set.status, 200);
  assert.deepEqual(set.body, { restaurant_id: restaurant.id, time_zone: 'Europe/Berlin', ...wanted, version: none.body.version + 1 });
  assert.deepEqual((await request('GET', HOURS, { token: restaurant.owner, api })).body, set.body);
  assert.equal(await ask(`SELECT string_agg(type, ' ') FROM order_events WHERE restaurant_id = '${restaurant.id}'`), 'restaurant.hours_changed');
  const away = await put(restaurant, { time_zone: 'Asia/Seoul', weekly: null });
  assert.deepEqual([away.body.weekly, away.body.exceptions], [null, []]);
  assert.equal(await ask(`SELECT open_times IS NULL FROM restaurants WHERE id = '${restaurant.id}'`), 't');
});

test('outside of its hours a restaurant takes no orders and tells when it opens; within them it does', async () => {
  const restaurant = await open();
  const day = dayInSeoul(3);
  const opensAt = new Date(`${day}T10:00:00+09:00`).toISOString();
  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: {}, exceptions: [{ date: day, ranges: [{ opens: '10:00', closes: '12:00' }] }] });
  const closed = await place(restaurant);
  assert.deepEqual([closed.status, closed.body.code, closed.body.opens_at], [409, 'RESTAURANT_CLOSED', opensAt]);
  const { open: isOpen, opens_at: shown } = await look(restaurant);
  assert.deepEqual([isOpen, shown], [false, opensAt]);

  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: ALWAYS });
  assert.equal((await place(restaurant)).status, 201);
  const now = await look(restaurant);
  assert.deepEqual([now.open, now.opens_at, now.closes_at], [true, null, null]);

  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: {} });
  assert.deepEqual([(await place(restaurant)).body.opens_at, (await look(restaurant)).opens_at], [null, null]);
  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: null });
  assert.equal((await place(restaurant)).status, 201);
});

test('who is open tells when it closes, and a pause that ends while it is closed lasts until it opens', async () => {
  const restaurant = await open();
  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: ALWAYS, exceptions: [{ date: dayInSeoul(2), ranges: [] }, { date: dayInSeoul(3), ranges: [{ opens: '10:00', closes: '12:00' }] }] });
  assert.equal((await look(restaurant)).closes_at, new Date(`${dayInSeoul(2)}T00:00:00+09:00`).toISOString());
  const until = new Date(`${dayInSeoul(2)}T06:00:00+09:00`).toISOString();
  await request('POST', '/api/v1/restaurants/me/pause', { token: restaurant.owner, body: { until }, api });
  const opensAt = new Date(`${dayInSeoul(3)}T10:00:00+09:00`).toISOString();
  assert.deepEqual([(await look(restaurant)).opens_at, (await place(restaurant)).body.opens_at], [opensAt, opensAt]);
});

test('hours that make no sense are refused by name, and nothing changes', async () => {
  const restaurant = await open();
  const weekly = (ranges) => ({ time_zone: 'Asia/Seoul', weekly: { monday: ranges } });
  const special = (...exceptions) => ({ time_zone: 'Asia/Seoul', weekly: {}, exceptions });
  const range = { opens: '10:00', closes: '12:00' };
  const cases = [
    [{ weekly: {} }, 'time_zone'],
    [{ time_zone: 'Mars/Olympus', weekly: {} }, 'time_zone'],
    [{ time_zone: 'posixrules', weekly: {} }, 'time_zone'],
    [{ time_zone: 'Asia/Seoul' }, 'weekly'],
    [{ time_zone: 'Asia/Seoul', weekly: [] }, 'weekly'],
    [{ time_zone: 'Asia/Seoul', weekly: null, exceptions: [{ date: '2026-12-25', ranges: [] }] }, 'exceptions'],
    [{ time_zone: 'Asia/Seoul', weekly: { holiday: [] } }, 'weekly'],
    [weekly(null), 'weekly.monday'],
    [weekly([1]), 'weekly.monday[0]'],
    [weekly([{ opens: '10:00' }]), 'weekly.monday[0].closes'],
    [weekly([{ opens: '9:00', closes: '12:00' }]), 'weekly.monday[0].opens'],
    [weekly([{ opens: '24:00', closes: '12:00' }]), 'weekly.monday[0].opens'],
    [weekly([{ opens: '10:00', closes: '24:01' }]), 'weekly.monday[0].closes'],
    [weekly([{ opens: '10:60', closes: '12:00' }]), 'weekly.monday[0].opens'],
    [weekly([range, { opens: '11:59', closes: '13:00' }]), 'weekly.monday[1]'],
    [weekly([{ opens: '22:00', closes: '02:00' }, { opens: '23:00', closes: '23:30' }]), 'weekly.monday[1]'],
    [weekly(Array.from({ length: 7 }, (_, n) => ({ opens: `0${n}:00`, closes: `0${n}:30` }))), 'weekly.monday'],
    [special({ date: '2026-02-29', ranges: [] }), 'exceptions[0].date'],
    [special({ date: '26-02-28', ranges: [] }), 'exceptions[0].date'],
    [special({ date: '2026-12-25' }), 'exceptions[0].ranges'],
    [special({ date: '2026-12-25', ranges: [] }, { date: '2026-12-25', ranges: [range] }), 'exceptions[1].date'],
    [special({ date: '2026-12-25', ranges: [range, range] }), 'exceptions[0].ranges[1]'],
    [special({ date: '2026-12-25', ranges: [], reason: ' ' }), 'exceptions[0].reason'],
    [{ ...weekly([]), more: 1 }, 'more'],
  ];
  for (const [body, field] of cases) {
    const reply = await put(restaurant, body);
    assert.deepEqual([reply.status, reply.body.code], [400, 'INVALID_REQUEST'], JSON.stringify(body));
    assert.ok(reply.body.detail.includes(`'${field}'`), `${reply.body.detail}: ${field}`);
  }
  assert.equal((await request('GET', HOURS, { token: restaurant.owner, api })).body.weekly, null);
});

test('the plan grows with time: a worker that comes late brings it up to date', async () => {
  const restaurant = await open();
  await put(restaurant, { time_zone: 'Asia/Seoul', weekly: EVENINGS });
  const planned = await ask(`SELECT open_times FROM restaurants WHERE id = '${restaurant.id}'`);
  await ask(`UPDATE restaurants SET open_times = '{}' WHERE id = '${restaurant.id}'; UPDATE opening_hours SET planned_at = now() - interval '20 days'`);
  const worker = await start('work', settings);
  await until('planned anew', async () => (await ask(`SELECT open_times FROM restaurants WHERE id = '${restaurant.id}'`)) === planned);
  await worker.stop();
  assert.equal(await ask(`SELECT planned_at > now() - interval '1 hour' FROM opening_hours WHERE restaurant_id = '${restaurant.id}'`), 't');
});

// ---- the same hours, counted in another way ----

/** What the clocks of a zone are ahead of UTC at a moment, in ms. */
function offsetAt(zone, moment) {
  const parts = Object.fromEntries(formatOf(zone).formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour % 24, parts.minute, parts.second) - Math.floor(moment / 1000) * 1000;
}

const formats = new Map();
function formatOf(zone) {
  const form = { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' };
  if (!formats.has(zone)) formats.set(zone, new Intl.DateTimeFormat('en-US', form));
  return formats.get(zone);
}

/** The moment at which clocks show a time (as ms of a UTC that shows it): the second of two; in a gap, counted on from before it. */
function momentOf(zone, shown) {
  const [before, after] = [offsetAt(zone, shown - DAY_MS), offsetAt(zone, shown + DAY_MS)];
  const found = [shown - before, shown - after].filter((moment) => moment + offsetAt(zone, moment) === shown);
  return found.length > 0 ? Math.max(...found) : shown - before;
}

const minutesOf = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

function rangesOf(day, { opens, closes }, zone) {
  const [from, to] = [minutesOf(opens), minutesOf(closes)];
  return [momentOf(zone, day + from * 60_000), momentOf(zone, day + (to <= from ? to + 1440 : to) * 60_000)];
}

function expectedTimes({ weekly, exceptions, zone, first, days }) {
  const times = [];
  for (let n = -1; n < days; n++) {
    const day = Date.parse(`${first}T00:00:00Z`) + n * DAY_MS;
    const special = exceptions.find(({ date }) => date === new Date(day).toISOString().slice(0, 10));
    const ranges = special ? special.ranges : (weekly[DAYS[(new Date(day).getUTCDay() + 6) % 7]] ?? []);
    times.push(...ranges.map((range) => rangesOf(day, range, zone)).filter(([from, to]) => from < to));
  }
  times.sort(([a], [b]) => a - b);
  return times.reduce((merged, [from, to]) => {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
    return merged;
  }, []);
}

const two = (number) => String(number).padStart(2, '0');
const clock = (minutes) => `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;

/** Up to three ranges, most of them where clocks jump: around two, three and midnight. */
function randomRanges(random) {
  const cuts = Array.from({ length: 2 * random(4) }, () => (random(2) ? random(5) * 60 + random(4) * 15 : random(1440))).sort((a, b) => a - b);
  const ranges = [];
  for (let i = 0; i + 1 < cuts.length; i += 2) if (cuts[i] < cuts[i + 1]) ranges.push({ opens: clock(cuts[i]), closes: clock(cuts[i + 1]) });
  if (random(4) === 0) ranges.push({ opens: '22:30', closes: clock(random(5) * 30) });
  return ranges;
}

/** A generator that a seed repeats (mulberry32). */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Days behind which clocks jump soon, in one zone or another. */
const ZONES = { 'Asia/Seoul': [], 'America/New_York': ['2027-03-14', '2027-11-07'], 'Europe/Berlin': ['2027-03-28', '2027-10-31'], 'Europe/Dublin': ['2028-03-26', '2028-10-29'],
  'Australia/Lord_Howe': ['2027-10-03', '2028-04-02'], 'America/St_Johns': ['2027-03-14', '2027-11-07'], 'America/Santiago': ['2027-04-04', '2027-09-05'], 'Asia/Kathmandu': [] };

function randomCase(random) {
  const zone = Object.keys(ZONES)[random(Object.keys(ZONES).length)];
  const jump = ZONES[zone].length > 0 && random(3) > 0 ? ZONES[zone][random(ZONES[zone].length)] : '2027-06-15';
  const day = (days) => new Date(Date.parse(`${jump}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
  const weekly = Object.fromEntries(DAYS.filter(() => random(4) > 0).map((name) => [name, randomRanges(random)]));
  const exceptions = [0, 1].filter(() => random(2)).map((n) => ({ date: day(n), ranges: randomRanges(random) }));
  return { zone, weekly, exceptions, first: day(-random(4)), days: 1 + random(10) };
}

/** What PostgreSQL makes of them. */
async function countedTimes(cases) {
  return JSON.parse(await ask(`
    SELECT json_agg((SELECT coalesce(json_agg(json_build_array(extract(epoch FROM lower(times)) * 1000, extract(epoch FROM upper(times)) * 1000) ORDER BY times), '[]')
                       FROM unnest(opening_times(c -> 'weekly', c -> 'exceptions', c ->> 'zone', (c ->> 'first')::date, (c ->> 'days')::integer)) times) ORDER BY n)
      FROM json_array_elements($json$${JSON.stringify(cases)}$json$) WITH ORDINALITY AS given (c, n)`));
}

test('the moments that hours come to are those of another way to count them, also where clocks jump', async () => {
  const seed = Number(process.env.OSY_HOURS_SEED ?? randomInt(2 ** 31));
  const random = generator(seed);
  let jumps = 0;
  for (let round = 0; round < 10; round++) {
    const cases = Array.from({ length: 50 }, () => randomCase(random));
    const counted = await countedTimes(cases);
    cases.forEach((given, n) => assert.deepEqual(counted[n], expectedTimes(given), `OSY_HOURS_SEED=${seed}: ${JSON.stringify(given)}`));
    jumps += cases.filter(({ zone, first, days }) => offsetAt(zone, Date.parse(first)) !== offsetAt(zone, Date.parse(first) + days * DAY_MS)).length;
  }
  assert.ok(jumps > 50, 'few cases have clocks jump');
});
