/** The requests of tests/bench/login: at fixed rates, whatever becomes of them, and a flood of logins beside orders. */
import { createPrivateKey, randomBytes, randomUUID, sign } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const NAMES = ['seconds', 'rounds', 'logins', 'requests', 'orders', 'flood'];
const { values } = parseArgs({ options: Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }])) });
const [seconds, rounds, logins, requests, orders, flood] = NAMES.map((name) => Number(values[name]));

const TIMEOUT_MS = 15_000;
const PEOPLE = 40;
const PASSWORD = 'correct horse battery';
const api = new URL(process.env.API_URLS.split(' ')[0]);
const restaurant = process.env.DEMO_RESTAURANT_ID;
const item = `${restaurant.slice(0, 24)}1001${restaurant.slice(28)}`; // the first that is seeded
const agent = new http.Agent({ keepAlive: true });
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Calls done, once, with the status; 0: no whole reply came. */
function send(method, target, { body, token, headers = {} }, done) {
  const payload = body && JSON.stringify(body);
  let status = 0;
  const all = {
    ...(payload ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...headers,
  };
  const request = http.request({ host: api.hostname, port: api.port, agent, method, path: target, headers: all }, (reply) => {
    reply.resume().on('end', () => { status = reply.statusCode; });
  });
  request.setTimeout(TIMEOUT_MS, () => request.destroy()).on('error', () => {}).on('close', () => done(status));
  request.end(payload);
}
const ask = (...args) => new Promise((resolve) => send(...args, resolve));

// --- who asks, and what -------------------------------------------------------------------------

/** A network of its own each time: limits by address are not what is measured. */
const anywhere = () => ({ 'x-forwarded-for': `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}::1` });

const kid = readdirSync(process.env.ORDERSYNC_KEYS_DIR).map((name) => /^jwt-(.+)\.key\.pem$/.exec(name)?.[1]).filter(Boolean).sort().at(-1);
const key = createPrivateKey(readFileSync(path.join(process.env.ORDERSYNC_KEYS_DIR, `jwt-${kid}.key.pem`)));
function mint() {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: 'ordersync', aud: 'ordersync', sub: randomUUID(), jti: randomUUID(), role: 'staff', iat, nbf: iat, exp: iat + 86400, restaurant_ids: [restaurant] };
  const text = `${encode({ alg: 'RS256', typ: 'at+jwt', kid })}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

const people = [];
for (let i = 0; i < PEOPLE; i++) {
  const email = `${randomUUID()}@example.com`;
  if ((await ask('POST', '/api/v1/users', { body: { email, password: PASSWORD, name: 'Bench' }, headers: anywhere() })) === 201) people.push(email);
}
const known = mint();
const fresh = Array.from({ length: rounds * seconds * requests }, mint);

/** The same work behind it, so that they differ by the token alone. */
const MENU = `/api/v1/restaurants/${restaurant}/menu`;
const KINDS = {
  login: (done) => send('POST', '/api/v1/auth/login', { body: { email: pick(people), password: PASSWORD }, headers: anywhere() }, done),
  'no token': (done) => send('GET', MENU, { headers: anywhere() }, done),
  'known token': (done) => send('GET', MENU, { token: known }, done),
  'new token': (done) => send('GET', MENU, { token: fresh.pop() }, done),
  order: (done) =>
    send('POST', '/api/v1/orders', {
      body: { restaurant_id: restaurant, items: [{ item_id: item, quantity: 1 }], customer: { name: 'Bench', phone: '010-0000-0000', address: '1 Main Street' } },
      headers: anywhere(),
    }, done),
};

// --- at a fixed rate ----------------------------------------------------------------------------

/** Latencies in ms, from when each was due, and how many had which status. */
async function run(kind, rate) {
  const found = { latencies: [], statuses: {} };
  const pending = [];
  const begin = performance.now();
  for (let i = 0; i < rate * seconds; i++) {
    const due = begin + (i * 1000) / rate;
    if (due > performance.now()) await pause(due - performance.now());
    pending.push(new Promise((resolve) => KINDS[kind]((status) => {
      found.latencies.push(performance.now() - due);
      found.statuses[status] = (found.statuses[status] ?? 0) + 1;
      resolve();
    })));
  }
  await Promise.all(pending);
  return found;
}

/** So many clients log in as fast as they are answered, half of them nobody; until stop. */
function startFlood() {
  const statuses = {};
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const email = Math.random() < 0.5 ? pick(people) : `${randomUUID()}@example.com`;
      const status = await ask('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD }, headers: anywhere() });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: flood }, client);
  return async () => {
    isOver = true;
    await Promise.all(clients);
    return statuses;
  };
}

// --- what is told -------------------------------------------------------------------------------

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const percentiles = ({ latencies }) => {
  const sorted = latencies.toSorted((a, b) => a - b);
  return { p50: at(sorted, 0.5), p99: at(sorted, 0.99), most: sorted.at(-1) };
};
const told = (statuses) => Object.entries(statuses).map(([status, count]) => `${count} x ${status}`).join(', ');
const ms = (value) => value.toFixed(1).padStart(8);
const all = {};

function tell(name, found) {
  const { p50, p99, most } = percentiles(found);
  (all[name] ??= []).push({ p50, p99, most });
  console.log(`${name.padEnd(28)} p50 ${ms(p50)}  p99 ${ms(p99)}  most ${ms(most)} ms   ${told(found.statuses)}`);
}

const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

for (let round = 1; round <= rounds; round++) {
  console.log(`round ${round}`);
  const beside = ['login', 'no token', 'known token', 'new token'];
  const found = await Promise.all(beside.map((kind) => run(kind, kind === 'login' ? logins : requests)));
  beside.forEach((kind, i) => tell(kind, found[i]));
  tell('orders alone', await run('order', orders));
  const stop = startFlood();
  const during = await run('order', orders);
  const statuses = await stop();
  tell('orders in a flood of logins', during);
  console.log(`${'  the flood'.padEnd(28)} ${told(statuses)}`);
}

console.log(`\nmedian of ${rounds} rounds (least to greatest p99)`);
for (const [name, list] of Object.entries(all)) {
  const p99 = list.map((one) => one.p99);
  console.log(`${name.padEnd(28)} p50 ${ms(middle(list.map((one) => one.p50)))}  p99 ${ms(middle(p99))} ms (${Math.min(...p99).toFixed(1)} to ${Math.max(...p99).toFixed(1)})`);
}
