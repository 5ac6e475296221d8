/** Rate limits: who asks too much gets 429, and all processes count together. */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { start, until } from './own.mjs';
import { DEMO, mintToken, request } from './stack.mjs';
import { Redis } from '../shards/redis.mjs';

const PATH = '/api/v1/restaurants/me/settings';
const MENU = `/api/v1/restaurants/${DEMO}/menu`;
const ADDRESS_LIMIT = 20;
const settings = {
  ORDERSYNC_RATE_EXEMPT: '',
  ORDERSYNC_RATE_WINDOW_S: '3600', // no test meets the end of a window
  ORDERSYNC_RATE_ADDRESS: String(ADDRESS_LIMIT),
  ORDERSYNC_RATE_USER: '8',
  ORDERSYNC_RATE_RESTAURANT: '12',
  ORDERSYNC_RATE_TOKENS: '5',
  ORDERSYNC_RATE_SYNC_MS: '10',
};
const someAddress = () => `10.${[...randomBytes(3)].join('.')}`;
const someNetwork = () => `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}`;

const at = (program) => `http://127.0.0.1:${program.port}`;
const ask = (program, from, target = MENU, { method = 'GET', ...more } = {}) => request(method, target, { api: at(program), ...more, headers: { 'x-forwarded-for': from } });
const budget = ({ headers }) => ['limit', 'remaining', 'reset'].map((name) => headers.get(`ratelimit-${name}`));
const metric = async (program, name) => {
  const text = await (await fetch(`${at(program)}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
};
/** How many of so many requests in a row were not refused. */
async function granted(count, send) {
  let good = 0;
  for (let i = 0; i < count; i++) good += (await send(i)).status !== 429;
  return good;
}

let api;
before(async () => (api = await start('serve', settings)));
after(() => api.stop());

test('an address has its budget and is told what is left of it; then it gets 429 and when to come back', async () => {
  const from = someAddress();
  for (let i = 1; i <= ADDRESS_LIMIT; i++) {
    const reply = await ask(api, from);
    assert.equal(reply.status, 200);
    const [limit, remaining, reset] = budget(reply);
    assert.deepEqual([limit, remaining], [String(ADDRESS_LIMIT), String(ADDRESS_LIMIT - i)]);
    assert.ok(Number(reset) >= 1 && Number(reset) <= 3600, `RateLimit-Reset ${reset}`);
  }
  const before = await metric(api, 'rate_limited_total{budget="address"}');
  const { status, body, headers } = await ask(api, from);
  assert.deepEqual([status, body.code, headers.get('content-type')], [429, 'RATE_LIMITED', 'application/problem+json']);
  assert.deepEqual([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')], [String(ADDRESS_LIMIT), '0']);
  assert.equal(headers.get('retry-after'), headers.get('ratelimit-reset'));
  assert.match(headers.get('retry-after'), /^[1-9]\d*$/);
  assert.equal(await metric(api, 'rate_limited_total{budget="address"}'), before + 1);
});

test('a flood is refused without a word to Redis', async () => {
  const redis = await Redis.start();
  const own = await start('serve', { ...settings, ORDERSYNC_REDIS_URL: redis.url, ORDERSYNC_REDIS_URLS: '' });
  const from = someAddress();
  await until('Redis is there', async () => (await (await fetch(`${at(own)}/ready`)).json()).redis === 'ok');
  assert.equal(await granted(ADDRESS_LIMIT + 1, () => ask(own, from)), ADDRESS_LIMIT);
  await until('Redis knows all that was granted', async () => {
    const [key] = await redis.ask('KEYS', 'os:rate:*');
    return key && (await redis.ask('HGET', key, 'c')) === String(ADDRESS_LIMIT);
  });
  const scripts = async () => (await redis.tell('INFO', 'commandstats')).match(/cmdstat_eval.*calls=\d+/g);
  const before = await scripts();
  assert.equal(await granted(300, () => ask(own, from)), 0);
  assert.deepEqual(await scripts(), before);
  await own.stop();
});

test('who forges X-Forwarded-For has the budget of the address that the edge saw', async () => {
  const from = someAddress();
  assert.equal(await granted(100, (i) => ask(api, `203.0.113.${i}, 127.0.0.1, ${from}`)), ADDRESS_LIMIT);
});

test('an IPv6 network of 64 bits is one client, the next one is another', async () => {
  const one = someNetwork();
  assert.equal(await granted(50, (i) => ask(api, `${one}:${i}::${i + 1}`)), ADDRESS_LIMIT);
  assert.equal(await granted(1, () => ask(api, `${someNetwork()}::1`)), 1);
});

test('a user has one budget wherever he is, and his restaurant one for all of its people', async () => {
  const restaurant = randomUUID();
  const [one, two] = await Promise.all([mintToken('staff', restaurant), mintToken('staff', restaurant)]);
  assert.equal(await granted(20, () => ask(api, someAddress(), PATH, { token: one })), 8);
  assert.equal(await granted(20, () => ask(api, someAddress(), PATH, { token: two })), 4); // of 12
  const { body } = await ask(api, someAddress(), PATH, { token: two });
  assert.equal(body.code, 'RATE_LIMITED');
});

test('what costs a password counts against the address, however many accounts are shown there', async () => {
  const from = someAddress();
  const tokens = await Promise.all(Array.from({ length: 4 }, () => mintToken('customer')));
  const signUp = (token) => ask(api, from, '/api/v1/users', { method: 'POST', body: {}, token });
  assert.equal(await granted(4, (i) => signUp(tokens[i])), 2); // at a cost of 10
  assert.equal(await granted(8, () => ask(api, from, MENU, { token: tokens[3] })), 8); // what costs 1 does not
});

test('an address that shows bad tokens is not asked for tokens any more, and may do without', async () => {
  const from = someAddress();
  const [token, other] = await Promise.all([mintToken('staff', DEMO), mintToken('staff', DEMO)]);
  const bad = `${token.slice(0, -8)}AAAAAAAA`;
  for (let i = 0; i < 5; i++) assert.equal((await ask(api, from, MENU, { token: bad })).status, 401);
  for (const shown of [bad, token]) assert.equal((await ask(api, from, MENU, { token: shown })).status, 429);
  assert.equal((await ask(api, from)).status, 200);
  assert.equal((await ask(api, someAddress(), MENU, { token: other })).status, 200);
});

test('who watches us is not counted, and an exempt address has no limits', async () => {
  const from = someAddress();
  for (let i = 0; i < ADDRESS_LIMIT + 5; i++) assert.equal((await ask(api, from, '/health')).status, 200);
  assert.deepEqual(budget(await ask(api, from, '/health')), [null, null, null]);
  const lenient = await start('serve', { ...settings, ORDERSYNC_RATE_EXEMPT: '10.0.0.0/8, ::1' });
  assert.equal(await granted(ADDRESS_LIMIT + 5, () => ask(lenient, from)), ADDRESS_LIMIT + 5);
  assert.deepEqual(budget(await ask(lenient, from)), [null, null, null]);
  await lenient.stop();
});

test('two processes share a budget', async () => {
  const other = await start('serve', settings);
  const from = someAddress();
  assert.equal(await granted(ADDRESS_LIMIT, () => ask(api, from)), ADDRESS_LIMIT);
  let more = 0;
  await until('the other process has heard of it', async () => {
    const { status } = await ask(other, from);
    more += status === 200;
    return status === 429;
  });
  assert.ok(more < ADDRESS_LIMIT, `the other process granted ${more}`);
  await other.stop();
});

test('without Redis each process limits for itself, and with Redis again they count together', async () => {
  const redis = await Redis.start();
  const where = { ...settings, ORDERSYNC_REDIS_URL: redis.url, ORDERSYNC_REDIS_URLS: '' };
  const [one, two] = await Promise.all([start('serve', where), start('serve', where)]);
  const from = someAddress();

  await redis.kill();
  assert.equal(await granted(50, () => ask(one, from)), ADDRESS_LIMIT);
  await until('it knows that it is alone', async () => (await metric(one, 'rate_limit_share_failures_total')) > 0);
  assert.equal(await granted(50, () => ask(two, from)), ADDRESS_LIMIT);

  await redis.begin();
  const next = someAddress();
  await until('Redis takes counts', async () => {
    await ask(one, someAddress());
    return (await metric(one, 'rate_limit_shares_total')) > 0;
  });
  assert.equal(await granted(ADDRESS_LIMIT, () => ask(one, next)), ADDRESS_LIMIT);
  await until('the other has heard of it', async () => (await ask(two, next)).status === 429);
  await Promise.all([one.stop(), two.stop()]);
});

test('Redis knows nobody by address', async () => {
  const redis = await Redis.start();
  const own = await start('serve', { ...settings, ORDERSYNC_REDIS_URL: redis.url, ORDERSYNC_REDIS_URLS: '' });
  const from = someAddress();
  await until('Redis has a count', async () => {
    await ask(own, from);
    return (await redis.ask('KEYS', 'os:rate:*')).length > 0;
  });
  const keys = await redis.ask('KEYS', '*');
  const hex = from.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('');
  for (const key of keys.filter((name) => name.startsWith('os:rate:'))) {
    assert.match(key, /^os:rate:\{[0-9a-f-]{36}\}$/);
    assert.ok(!key.includes(from) && !key.replaceAll('-', '').includes(hex), key);
    assert.ok((await redis.ask('PTTL', key)) > 0, 'it ends by itself');
  }
  await own.stop();
});
