/** A new wrapping key while orders come in: nobody notices, and at the end the old key can go. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { atEnd } from '../endings.mjs';
import { makeSchema, PROGRAM, start, until } from '../api/own.mjs';
import { env, makeRestaurant, newOrder, request, sql } from '../api/stack.mjs';

/** Two APIs with a folder of keys and a database of their own. */
async function makePair() {
  const keys = await mkdtemp(path.join(os.tmpdir(), 'ordersync-keys-'));
  atEnd(() => rm(keys, { recursive: true }));
  await cp(env.ORDERSYNC_KEYS_DIR, keys, { recursive: true });
  const own = { ORDERSYNC_KEYS_DIR: keys, ORDERSYNC_DATABASE_URL: await makeSchema(), ORDERSYNC_RATE_EXEMPT: '127.0.0.1' };
  const apis = await Promise.all([start('serve', own), start('serve', own)]);
  const command = async (...args) => (await promisify(execFile)(PROGRAM, args, { env: { ...env, ...own } })).stdout;
  return { keys, own, apis, command, url: (index) => `http://127.0.0.1:${apis[index % 2].port}` };
}

test('a wrapping key is rotated under traffic without one failure', async () => {
  const pair = await makePair();
  const database = pair.own.ORDERSYNC_DATABASE_URL;
  const restaurant = await makeRestaurant(database);
  const mint = async (...args) => (await pair.command('token', ...args)).trim();
  const staff = await mint('--role', 'staff', '--restaurant', restaurant.id);
  const customer = await mint('--role', 'customer');
  const placed = [];

  /** Places an order with one API and reads it with the other. */
  const placeAndRead = async (index) => {
    const token = index % 3 === 0 ? customer : undefined;
    const created = await request('POST', '/api/v1/orders', { api: pair.url(index), token, body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
    assert.equal(created.status, 201);
    const id = created.body.order.order_id;
    const { status, body } = await request('GET', `/api/v1/orders/${id}`, { api: pair.url(index + 1), token: staff });
    assert.equal(status, 200);
    assert.equal(body.order.customer.name, 'CANARY 손님');
    placed.push(id);
  };
  let isOver = false;
  const traffic = Promise.all(
    Array.from({ length: 4 }, async (_, lane) => {
      for (let n = 0; !isOver; n++) {
        await placeAndRead(lane + n);
        await pause(50);
      }
    }),
  );
  const used = () => sql(`SELECT string_agg(DISTINCT wrapping_key_of(data_key), ',') FROM orders WHERE data_key IS NOT NULL`, database);
  await until('orders are placed', () => placed.length > 10);
  const old = await used();
  const [, fresh] = (await pair.command('keys', 'rotate', 'data')).trim().split(/\s+/);
  await until('the new key is used', async () => (await used()).includes(fresh));
  const count = placed.length;
  await until('it is used by all', () => placed.length > count + 20);
  await pair.command('keys', 'rewrap');
  await pair.command('keys', 'rewrap'); // what was placed with the old one when the first began
  isOver = true;
  await traffic;

  assert.equal(await used(), fresh);
  const status = await pair.command('keys', 'status');
  assert.match(status, new RegExp(`^${old} .* 0 +0  retired, not needed any more`, 'm'));
  assert.match(status, new RegExp(`^${fresh} .*  active$`, 'm'));
  await rm(path.join(pair.keys, `data-${old}.key`));
  assert.deepEqual((await readdir(pair.keys)).filter((name) => name.startsWith('data-')), [`data-${fresh}.key`]);
  const without = await start('serve', pair.own); // has never seen the old one
  const readAgain = (id) => request('GET', `/api/v1/orders/${id}`, { api: `http://127.0.0.1:${without.port}`, token: staff });
  await until('it knows what was revoked', async () => (await readAgain(placed[0])).status === 200);
  for (const id of placed) {
    const { status: code, body } = await readAgain(id);
    assert.deepEqual([code, body.order.customer.name], [200, 'CANARY 손님']);
  }
  await Promise.all([...pair.apis, without].map((api) => api.stop()));
});

/** Binary columns that no wrapping key has to do with: hashes, blind indexes, and what the data key beside it encrypts. */
const WITHOUT_WRAPPING_KEY = [
  /^audit_(chains|logs)\.(digest|hash)$/,
  /^(idempotency|request_replies)\.(key_hash|body_hash)$/,
  /^(sessions|spent_tokens)\.(token_hash|previous_hash)$/,
  /^(recovery_codes\.code_hash|login_attempts\.key)$/,
  /^(user_emails\.email_index|orders\.phone_index)$/,
  /^statutory_records\.record$/,
];

test('keys status and keys rewrap know every column that is encrypted with a wrapping key', async () => {
  const database = await makeSchema();
  const all = await sql(
    `SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
      WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0
        AND NOT attisdropped AND atttypid = 'bytea'::regtype`,
    database,
  );
  const source = await readFile(new URL('../../../api/privacy/wrapped_columns.c', import.meta.url), 'utf8');
  const known = [...source.matchAll(/\b(?:COLUMN|FIXED)\("(\w+)"(?:, "\w+")?,\s+"(\w+)"\)/g)].map(([, table, column]) => `${table}.${column}`);
  const encrypted = all.split('\n').filter((column) => !WITHOUT_WRAPPING_KEY.some((pattern) => pattern.test(column)));
  assert.deepEqual(known.sort(), encrypted.sort());
});
