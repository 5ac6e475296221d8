/**
 * Canaries: a mark in every personal field that the API takes, on every way through it, and then a search for each mark
 * everywhere: in all logs, in every key of Redis, in the event streams, and in a dump of the whole database. What a mark
 * looks like in base64 or hexadecimal is looked for as well.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { logIn, newEmail, post } from '../api/people.mjs';
import { until } from '../api/own.mjs';
import { env, makeRestaurant, mintToken, request } from '../api/stack.mjs';

const STATE = path.dirname(path.resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../..', process.env.OSY_ENV_FILE ?? '.local/env'));
const run = promisify(execFile);
const ROOM = { maxBuffer: 2 ** 30, encoding: 'buffer' };

const marks = new Map();

/** A text with a mark that occurs nowhere else. */
function mark(field) {
  const text = `Zk${randomBytes(9).toString('hex')}`;
  marks.set(field, text);
  return text;
}

/** Digits that occur nowhere else; only an order's own row knows them. */
function markPhone() {
  const digits = Array.from(randomBytes(9), (byte) => byte % 10).join('');
  marks.set('phone', digits);
  return `+82 ${digits}`;
}

/** A secret is a mark itself. */
function secret(field, text) {
  assert.ok(text?.length >= 16, field);
  marks.set(field, text);
  return text;
}

const forms = (text) => {
  const bytes = Buffer.from(text);
  // In base64 the mark may begin at each of three places of a group; the ends depend on what is around it.
  const shifted = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift ? 4 : 0, -4));
  return [text, bytes.toString('hex'), ...shifted, ...shifted.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
};

function assertClean(where, bytes) {
  for (const [field, text] of marks) for (const form of forms(text)) assert.ok(!bytes.includes(form), `${where} has the ${field}`);
}

const ok = async (promise, status) => {
  const reply = await promise;
  assert.equal(reply.status, status, JSON.stringify(reply.body));
  return reply.body;
};

async function orderAs(token, restaurant, staff) {
  const body = {
    restaurant_id: restaurant.id,
    items: [{ item_id: restaurant.dish, quantity: 1, note: mark('note of a line') }],
    customer: { name: mark('name'), phone: markPhone(), address: mark('address') },
    note: mark('note'),
  };
  const key = mark('idempotency key');
  const placed = await ok(request('POST', '/api/v1/orders', { token, body, key }), 201);
  await ok(request('POST', '/api/v1/orders', { token, body, key }), 201); // the stored reply
  secret('tracking token', placed.tracking_token);
  const id = placed.order.order_id;
  await ok(request('GET', `/api/v1/orders/${id}`, { token: placed.tracking_token }), 200);
  const seen = await ok(request('GET', `/api/v1/orders/${id}`, { token: staff }), 200);
  assert.deepEqual(seen.order.customer, body.customer);
  await ok(request('POST', `/api/v1/restaurants/me/orders/${id}/accept`, { token: staff, body: {} }), 200);
  return body;
}

async function askRedis(...command) {
  const { hostname, port, password } = new URL(env.REDIS_URL);
  const { stdout } = await run('redis-cli', ['-h', hostname, '-p', port, ...command], { ...ROOM, env: { ...process.env, REDISCLI_AUTH: decodeURIComponent(password) } });
  return stdout;
}

/** Requests that fail, with marks in places where they are refused. */
async function fail(restaurant) {
  const name = mark('name of a bad order'), token = secret('bad token', `ost1.k.${randomBytes(40).toString('base64url')}.${randomBytes(32).toString('base64url')}`);
  const items = [{ item_id: restaurant.dish, quantity: 1 }];
  const bad = (customer, more = {}) => request('POST', '/api/v1/orders', { body: { restaurant_id: restaurant.id, items, customer, ...more } });
  assert.equal((await bad({ name, phone: mark('bad phone'), address: 'x' })).status, 400);
  assert.equal((await bad({ name, phone: '010-000-0000', address: 'x', extra: name })).status, 400);
  assert.equal((await bad({ name, phone: '010-000-0000', address: 'x' }, { note: `${name}\u0001` })).status, 400);
  assert.equal((await request('POST', '/api/v1/orders', { body: `{"customer":{"name":"${name}"` })).status, 400);
  assert.equal((await request('GET', '/api/v1/restaurants/me/orders', { token })).status, 401);
}

async function beSomebody(restaurant, staff) {
  const who = { email: newEmail().replace('canary', mark('e-mail').toLowerCase()), password: mark('password') };
  marks.set('e-mail', who.email.split('@')[0]);
  const signedUp = await ok(post('/api/v1/users', { ...who, name: mark('user name') }), 201);
  secret('access token', signedUp.access_token);
  secret('refresh token', signedUp.refresh_token);
  const loggedIn = await ok(logIn(who, { device: mark('device') }), 200);
  secret('second access token', loggedIn.access_token);
  const refreshed = await ok(post('/api/v1/auth/refresh', { refresh_token: secret('second refresh token', loggedIn.refresh_token) }), 200);
  secret('third refresh token', refreshed.refresh_token);
  assert.equal((await logIn({ ...who, password: mark('wrong password') })).status, 401);
  await orderAs(loggedIn.access_token, restaurant, staff);
}

test('no log, no key of Redis, no event and no column has anything of a person', async () => {
  const restaurant = await makeRestaurant();
  const [staff, owner] = await Promise.all([mintToken('staff', restaurant.id), mintToken('owner', restaurant.id)]);
  secret('token of staff', staff);
  await orderAs(undefined, restaurant, staff);
  await beSomebody(restaurant, staff);
  await fail(restaurant);
  const webhook = await ok(request('PUT', '/api/v1/restaurants/me/webhook', { token: owner, body: { url: 'https://example.org/hook' } }), 200);
  secret('secret of the webhook', webhook.secret);

  const dump = await run('pg_dump', ['--no-owner', '--enable-row-security', env.DATABASE_URL], ROOM);
  assert.ok(dump.stdout.includes(restaurant.id)); // it is the right database
  assertClean('the database', dump.stdout);

  await until('the events are in Redis', async () => (await askRedis('EXISTS', `os:{${restaurant.id}}:log`)).toString() === '1\n');
  const redis = await askRedis('EVAL', DUMP_REDIS, '0');
  assert.ok(redis.includes(restaurant.id));
  assertClean('Redis', redis);

  const folder = path.join(STATE, 'log');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  assert.ok(files.length > 3);
  for (const file of files) assertClean(file, await readFile(path.join(folder, file)));
});

test('the search would find what it looks for', () => {
  marks.set('probe', 'Zkprobe0123456789');
  const hidden = [
    'x Zkprobe0123456789 y',
    Buffer.from('a Zkprobe0123456789').toString('hex'),
    ...['', 'a', 'ab'].map((before) => Buffer.from(`${before}Zkprobe0123456789 and more`).toString('base64')),
  ];
  for (const text of hidden) assert.throws(() => assertClean('it', Buffer.from(text)), /has the probe/);
  assertClean('it', Buffer.from('nothing'));
  marks.delete('probe');
});

/** Every key with all that is in it. */
const DUMP_REDIS = `
local out = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  out[#out + 1] = key
  if kind == 'string' then out[#out + 1] = redis.call('GET', key)
  elseif kind == 'hash' then out[#out + 1] = cjson.encode(redis.call('HGETALL', key))
  elseif kind == 'list' then out[#out + 1] = cjson.encode(redis.call('LRANGE', key, 0, -1))
  elseif kind == 'set' then out[#out + 1] = cjson.encode(redis.call('SMEMBERS', key))
  elseif kind == 'zset' then out[#out + 1] = cjson.encode(redis.call('ZRANGE', key, 0, -1))
  elseif kind == 'stream' then out[#out + 1] = cjson.encode(redis.call('XRANGE', key, '-', '+')) end
end
return out`;
