/** A PostgreSQL that stops, hangs and comes back, and what `ordersync-api serve` makes of it. */
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { PROGRAM, start, until } from '../api/own.mjs';
import { env, makeRestaurant, newOrder, request } from '../api/stack.mjs';
import { atEnd } from '../endings.mjs';
import { Redis } from '../shards/redis.mjs';
import { Address, Postgres } from './servers.mjs';

let postgres, address, restaurant, settings;

before(async () => {
  postgres = await Postgres.create();
  address = await Address.open();
  address.leadTo(postgres);
  settings = { ORDERSYNC_DATABASE_URL: address.url };
  await promisify(execFile)(PROGRAM, ['migrate'], { env: { ...env, ...settings } });
  restaurant = await makeRestaurant(postgres.url);
});

const at = (program) => `http://127.0.0.1:${program.port}`;
const metric = async (program, name) => {
  const text = await (await fetch(`${at(program)}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
};
const breaker = (program, dependency) => metric(program, `circuit_breaker_state{dependency="${dependency}"}`);
const CLOSED = 0;
const OPEN = 1;

/** Not its menu, which Redis keeps. */
const read = (program) => request('GET', `/api/v1/restaurants/${restaurant.id}`, { api: at(program) });
const order = (program) => request('POST', '/api/v1/orders', { api: at(program), body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });

function isUnavailable({ status, body, headers }) {
  assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'DATABASE_UNAVAILABLE', '1']);
  return true;
}

test('while PostgreSQL is away nobody waits for it, and once it is back all is as before', async () => {
  const api = await start('serve', settings);
  assert.equal((await order(api)).status, 201);
  assert.deepEqual([await breaker(api, 'postgresql'), await breaker(api, 'postgresql_orders')], [CLOSED, CLOSED]);

  await postgres.stop();
  address.leadTo(null);
  await until('both breakers are open', async () => {
    isUnavailable(await read(api));
    // One that is taken is tried until its deadline; several together are failures enough.
    for (const reply of await Promise.all([order(api), order(api)])) isUnavailable(reply);
    return (await breaker(api, 'postgresql')) === OPEN && (await breaker(api, 'postgresql_orders')) === OPEN;
  });
  for (const reply of await Promise.all(Array.from({ length: 50 }, () => order(api)))) isUnavailable(reply);

  await postgres.start();
  address.leadTo(postgres);
  await until('orders are taken again', async () => (await order(api)).status === 201);
  await until('restaurants are read again', async () => (await read(api)).status === 200);
  await until('both breakers are closed', async () => {
    await Promise.all([order(api), read(api)]);
    return (await breaker(api, 'postgresql')) === CLOSED && (await breaker(api, 'postgresql_orders')) === CLOSED;
  });
  await api.stop();
});

test('requests that are wrong, or that PostgreSQL refuses, open no breaker', async () => {
  const api = await start('serve', settings);
  const unknown = { ...restaurant, id: '01890000-0000-7000-8000-00000000ffff' };
  const tries = Array.from({ length: 60 }, (_, i) => [
    request('GET', `/api/v1/restaurants/${unknown.id}/menu`, { api: at(api) }),
    request('POST', '/api/v1/orders', { api: at(api), body: newOrder(i % 2 ? unknown.id : restaurant.id, [[unknown.id, 1]]) }),
  ]);
  for (const { status } of await Promise.all(tries.flat())) assert.ok(status >= 400 && status < 500, `${status}`);
  assert.deepEqual([await breaker(api, 'postgresql'), await breaker(api, 'postgresql_orders')], [CLOSED, CLOSED]);
  assert.equal((await order(api)).status, 201);
  await api.stop();
});

/** Whoever reads a restaurant waits for as long as this holds. */
async function holdRestaurants() {
  const psql = spawn('psql', ['-XAtq', postgres.url], { stdio: ['pipe', 'pipe', 'inherit'] });
  atEnd(() => psql.kill());
  psql.stdin.write("BEGIN; LOCK TABLE restaurants IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n");
  await once(psql.stdout, 'data');
  return async () => {
    psql.stdin.end('ROLLBACK;\n');
    await once(psql, 'exit');
  };
}

test('a request on a worker ends at its deadline, those that wait for a worker too', async () => {
  const api = await start('serve', { ...settings, ORDERSYNC_REQUEST_MS: '300', ORDERSYNC_WORKER_THREADS: '1' });
  assert.equal((await read(api)).status, 200);
  const release = await holdRestaurants();
  const replies = await Promise.all([read(api), read(api), read(api)]);
  const codes = replies.map(({ status, body }) => [status, body.code]).sort();
  assert.deepEqual(new Set(codes.map(([status]) => status)), new Set([503]));
  assert.ok(codes.some(([, code]) => code === 'DATABASE_UNAVAILABLE'), codes.join());
  await release();
  await until('restaurants are read again', async () => (await read(api)).status === 200);
  await api.stop();
});

test('where requests have less than a second, a PostgreSQL that does not answer opens the breaker as well', async () => {
  const api = await start('serve', { ...settings, ORDERSYNC_REQUEST_MS: '300' });
  assert.equal((await read(api)).status, 200);
  const release = await holdRestaurants();
  await until('the breaker is open', async () => {
    isUnavailable(await read(api));
    return (await breaker(api, 'postgresql')) === OPEN;
  });
  await release();
  await until('restaurants are read again', async () => (await read(api)).status === 200);
  await api.stop();
});

test('a Redis that hangs is asked no more by workers, and asked again when it goes on', async () => {
  const redis = await Redis.start();
  const api = await start('serve', { ...settings, ORDERSYNC_REDIS_URL: redis.url, ORDERSYNC_REDIS_URLS: '' });
  const { stdout } = await promisify(execFile)(PROGRAM, ['token', '--role', 'admin'], { env: { ...env, ...settings } });
  const revoke = () =>
    request('POST', '/api/v1/auth/revocations', { api: at(api), token: stdout.trim(), body: { session_id: '01890000-0000-7000-8000-00000000eeee' } });
  assert.equal((await revoke()).status, 201);

  redis.pause();
  await until('the breaker is open', async () => {
    await revoke();
    return (await breaker(api, 'redis')) === OPEN;
  });
  redis.resume();
  await until('the breaker is closed', async () => {
    await revoke();
    return (await breaker(api, 'redis')) === CLOSED;
  });
  await api.stop();
});
