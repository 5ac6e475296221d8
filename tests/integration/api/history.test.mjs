/** A restaurant's history: filters, and pages that neither repeat nor lose anything while orders come in. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const { id: own, dish } = await makeRestaurant();
const staff = await mintToken('staff', own);
const PRICE = 9000;

async function place(restaurant = own, item = dish, quantity = 1) {
  const { status, body } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant, [[item, quantity]]) });
  assert.equal(status, 201);
  return body.order;
}

async function list(query, token = staff) {
  const { status, body } = await request('GET', `/api/v1/restaurants/me/orders?${new URLSearchParams(query)}`, { token });
  assert.equal(status, 200);
  return body;
}
const idsOf = (orders) => orders.map((order) => order.order_id);

test('orders can be found by when they were placed', async () => {
  const { id: restaurant, dish: item } = await makeRestaurant();
  const token = await mintToken('staff', restaurant);
  const placed = [];
  for (let day = 0; day < 4; day++) placed.push(await place(restaurant, item));
  // A day apart, ids and all, as if they had been placed then.
  for (const [day, order] of placed.entries()) {
    const at = new Date(Date.UTC(2026, 0, 10 + day, 12));
    const id = `${at.getTime().toString(16).padStart(12, '0').replace(/^(.{8})/, '$1-')}${order.order_id.slice(13)}`;
    await sql(`UPDATE order_events SET order_id = '${id}' WHERE order_id = '${order.order_id}';
               UPDATE orders SET id = '${id}', created_at = '${at.toISOString()}' WHERE id = '${order.order_id}'`);
  }
  const found = async (query) => (await list(query, token)).orders.map((order) => placed.findIndex((one) => one.code === order.code));
  const noon = (day) => `2026-01-${day}T12:00:00.000Z`;
  assert.deepEqual(await found({}), [3, 2, 1, 0]);
  assert.deepEqual(await found({ from: noon(12) }), [3, 2]);
  assert.deepEqual(await found({ to: noon(12) }), [1, 0]);
  assert.deepEqual(await found({ from: noon(11), to: noon(13) }), [2, 1]);
  assert.deepEqual(await found({ from: noon(13), to: noon(11) }), []);
  const first = await list({ from: noon(11), limit: 2 }, token);
  assert.equal(first.orders.length, 2);
  assert.deepEqual(await found({ from: noon(11), to: noon(14), after: first.next }), [1]);
});

test('orders can be found by total, code and status, and by all of them at once', async () => {
  const small = await place();
  const large = await place(own, dish, 7);
  assert.deepEqual(idsOf((await list({ min_amount: 7 * PRICE })).orders), [large.order_id]);
  assert.ok(idsOf((await list({ max_amount: PRICE })).orders).includes(small.order_id));
  assert.ok(!idsOf((await list({ max_amount: 7 * PRICE - 1 })).orders).includes(large.order_id));
  for (const code of [large.code, large.code.toLowerCase()]) assert.deepEqual(idsOf((await list({ code })).orders), [large.order_id]);
  const all = { code: large.code, status: 'PENDING,REJECTED', min_amount: PRICE, max_amount: 7 * PRICE, from: large.created_at };
  assert.deepEqual(idsOf((await list(all)).orders), [large.order_id]);
  assert.deepEqual(idsOf((await list({ ...all, status: 'REJECTED' })).orders), []);
});

test('orders can be found by a phone number, however it is written, in one’s own restaurant alone', async () => {
  const { id: other, dish: item } = await makeRestaurant();
  const owner = await mintToken('owner', own, other);
  const order = async (restaurant, dish_, phone) =>
    (await request('POST', '/api/v1/orders', { body: newOrder(restaurant, [[dish_, 1]], { customer: { name: 'A', phone, address: 'B' } }) })).body.order.order_id;
  const mine = [await order(own, dish, '010-7777-1234'), await order(own, dish, '+82 10 7777 1234')];
  await order(own, dish, '010-7777-1235');
  const theirs = await order(other, item, '01077771234');
  const search = async (restaurant, phone, query = {}) => {
    const reply = await request('POST', `/api/v1/restaurants/me/orders/search?${new URLSearchParams({ restaurant_id: restaurant, ...query })}`, { token: owner, body: { phone } });
    assert.equal(reply.status, 200);
    return reply.body;
  };
  assert.deepEqual(idsOf((await search(own, '0082 10 7777-1234')).orders), [...mine].reverse());
  assert.deepEqual(idsOf((await search(other, '010 7777 1234')).orders), [theirs]);
  assert.deepEqual(idsOf((await search(own, '010-7777-1234', { status: 'REJECTED' })).orders), []);
  const first = await search(own, '010-7777-1234', { limit: 1 });
  assert.deepEqual(idsOf((await search(own, '010-7777-1234', { limit: 1, after: first.next })).orders), [mine[0]]);
  for (const body of [{}, { phone: '1' }, { phone: 7 }, { phone: '010-7777-1234', more: 1 }])
    assert.equal((await request('POST', '/api/v1/restaurants/me/orders/search', { token: staff, body })).status, 400);
});

test('a bad filter is named', async () => {
  const bad = {
    status: ['', 'DONE', 'PENDING,PENDING'],
    from: ['', 'yesterday', '2026-01-31', '2026-01-31T00:00:00+09:00'],
    to: ['2026-13-01T00:00:00.000Z'],
    min_amount: ['', '-1', '1.5', '9'.repeat(16)],
    max_amount: ['x'],
    code: ['', 'ABC', 'UUUUU', '12-45'],
    limit: ['0', '201', '', '1e2'],
    after: ['', 'x', 'x'.repeat(22) + '!'],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const { status, body } = await request('GET', `/api/v1/restaurants/me/orders?${new URLSearchParams({ [name]: value })}`, { token: staff });
      assert.equal(status, 400, `${name}=${value}`);
      assert.ok(body.detail.includes(`'${name}'`), `${name}=${value}: ${body.detail}`);
    }
  }
});

/** Repeatable: mulberry32. */
function randomFrom(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test('whatever is placed between pages, nothing comes twice and nothing that was there is missing', { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomFrom(seed);
    const { id: restaurant, dish: item } = await makeRestaurant();
    const token = await mintToken('staff', restaurant);
    const placeSome = (count) => Promise.all(Array.from({ length: count }, () => place(restaurant, item)));
    const atStart = idsOf(await placeSome(5 + random(25)));
    const seen = [];
    let after;
    do {
      const page = await list({ limit: 1 + random(6), ...(after ? { after } : {}) }, token);
      seen.push(...idsOf(page.orders));
      after = page.next;
      await placeSome(random(4));
    } while (after);
    assert.equal(new Set(seen).size, seen.length, `seed ${seed}: twice`);
    assert.deepEqual(seen, [...seen].sort().reverse(), `seed ${seed}: not newest first`);
    assert.deepEqual(
      atStart.filter((id) => !seen.includes(id)),
      [],
      `seed ${seed}: missing`,
    );
  }
});
