/** When an order will be ready: as the restaurant says, as its settings say, and what the customer hears of it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

async function open(settings = '') {
  const restaurant = await makeRestaurant();
  if (settings) await sql(`UPDATE restaurants SET ${settings} WHERE id = '${restaurant.id}'`);
  return { ...restaurant, staff: await mintToken('staff', restaurant.id) };
}

async function place(restaurant) {
  const { status, body } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
  assert.equal(status, 201);
  assert.equal(body.order.ready_at, null);
  return body;
}

const step = (restaurant, { order }, name, body, more = {}) =>
  request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/${name}`, { token: restaurant.staff, body, ...more });

const minutesFrom = (from, to) => (Date.parse(to) - Date.parse(from)) / 60_000;

function assertInMinutes({ status, body }, minutes) {
  assert.equal(status, 200, body.detail);
  assert.ok(Math.abs(minutesFrom(body.order.updated_at, body.order.ready_at) - minutes) < 0.5, body.order.ready_at);
}

test('an order is accepted with the minutes it needs, or with a time, or without either', async () => {
  const restaurant = await open();
  assertInMinutes(await step(restaurant, await place(restaurant), 'accept', { ready_in_min: 25 }), 25);
  const at = new Date(Date.now() + 40 * 60_000).toISOString();
  assert.equal((await step(restaurant, await place(restaurant), 'accept', { ready_at: at })).body.order.ready_at, at);
  assert.equal((await step(restaurant, await place(restaurant), 'accept', {})).body.order.ready_at, null);
});

test('without a word it needs what the restaurant usually does, and more while it is busy', async () => {
  const usual = await open('prep_minutes = 20');
  assertInMinutes(await step(usual, await place(usual), 'accept'), 20);
  assertInMinutes(await step(usual, await place(usual), 'accept', { ready_in_min: 5 }), 5);
  const busy = await open(`prep_minutes = 20, busy_minutes = 15, busy_until = now() + interval '1 hour'`);
  assertInMinutes(await step(busy, await place(busy), 'accept'), 35);
  const over = await open(`prep_minutes = 20, busy_minutes = 15, busy_until = now() - interval '1 second'`);
  assertInMinutes(await step(over, await place(over), 'accept'), 20);
});

test('an estimate is changed by an event of the order, which stays what it was; later steps keep it', async () => {
  const restaurant = await open();
  const placed = await place(restaurant);
  const early = await step(restaurant, placed, 'estimate', { ready_in_min: 10 });
  assert.deepEqual([early.status, early.body.code], [409, 'ORDER_CONFLICT']);
  await step(restaurant, placed, 'accept', { ready_in_min: 10 });
  const changed = await step(restaurant, placed, 'estimate', { ready_in_min: 30, version: 2 });
  assertInMinutes(changed, 30);
  assert.deepEqual([changed.body.order.status, changed.body.order.version], ['ACCEPTED', 3]);
  const stale = await step(restaurant, placed, 'estimate', { ready_in_min: 20, version: 2 });
  assert.deepEqual([stale.status, stale.body.order], [409, changed.body.order]);
  const prepared = await step(restaurant, placed, 'prepare');
  assert.equal(prepared.body.order.ready_at, changed.body.order.ready_at);
  assertInMinutes(await step(restaurant, placed, 'estimate', { ready_in_min: 3 }), 3);
  await step(restaurant, placed, 'ready');
  assert.equal((await step(restaurant, placed, 'estimate', { ready_in_min: 3 })).status, 409);

  const seen = await request('GET', `/api/v1/orders/${placed.order.order_id}`, { token: placed.tracking_token });
  assert.ok(seen.body.order.ready_at);
  const types = await sql(`SELECT string_agg(type, ' ' ORDER BY order_version) FROM order_events WHERE order_id = '${placed.order.order_id}'`);
  assert.equal(types, 'order.created order.accepted order.estimated order.preparing order.estimated order.ready');
});

test('an estimate that is repeated with its key is the same reply', async () => {
  const restaurant = await open();
  const placed = await place(restaurant);
  await step(restaurant, placed, 'accept');
  const [first, again] = [await step(restaurant, placed, 'estimate', { ready_in_min: 10 }, { key: 'k' }), await step(restaurant, placed, 'estimate', { ready_in_min: 10 }, { key: 'k' })];
  assert.deepEqual(again.body, first.body);
});

test('estimates that make no sense are refused by name', async () => {
  const restaurant = await open();
  const placed = await place(restaurant);
  const soon = new Date(Date.now() + 60_000).toISOString();
  const cases = [
    ['accept', { ready_in_min: 0 }, 'ready_in_min'],
    ['accept', { ready_in_min: 1441 }, 'ready_in_min'],
    ['accept', { ready_in_min: '5' }, 'ready_in_min'],
    ['accept', { ready_at: 'soon' }, 'ready_at'],
    ['accept', { ready_at: '2020-01-01T00:00:00.000Z' }, 'ready_at'],
    ['accept', { ready_at: new Date(Date.now() + 25 * 3_600_000).toISOString() }, 'ready_at'],
    ['accept', { ready_in_min: 5, ready_at: soon }, 'ready_at'],
    ['estimate', {}, 'ready_in_min'],
    ['estimate', undefined, 'ready_in_min'],
    ['estimate', { ready_in_min: 5, reason: 'x' }, 'reason'],
    ['prepare', { ready_in_min: 5 }, 'ready_in_min'],
    ['reject', { reason: 'x', ready_in_min: 5 }, 'ready_in_min'],
  ];
  for (const [name, body, field] of cases) {
    const reply = await step(restaurant, placed, name, body);
    assert.deepEqual([reply.status, reply.body.code], [400, 'INVALID_REQUEST'], `${name} ${JSON.stringify(body)}`);
    assert.match(reply.body.detail, new RegExp(`'${field}'`));
  }
});

test('a guest may not say when an order is ready', async () => {
  const restaurant = await open();
  const placed = await place(restaurant);
  const reply = await request('POST', `/api/v1/restaurants/me/orders/${placed.order.order_id}/estimate`, { token: placed.tracking_token, body: { ready_in_min: 1 } });
  assert.equal(reply.status, 403);
});
