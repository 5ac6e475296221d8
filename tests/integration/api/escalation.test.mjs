/** Orders that nobody shows or accepts: alerts, the ladder, rejection in the end, and workers that die meanwhile. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';
import { makeSchema, start, until } from './own.mjs';
import { env, makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_WATCH_INTERVAL_MS: '50' };
const api = `http://127.0.0.1:${(await start('serve', settings)).port}`;
const work = (more = {}) => start('work', { ...settings, ...more });

const ask = (text, where = database) => sql(text, where);
const rows = async (text) => (await ask(text)).split('\n').filter(Boolean).map((line) => line.split('|'));

async function makeTimed({ display = 3600, accept = 3600, reject = 'NULL' }, where = database) {
  const restaurant = await makeRestaurant(where);
  await ask(
    `UPDATE restaurants SET display_within_s = ${display}, accept_within_s = ${accept}, reject_after_s = ${reject}
      WHERE id = '${restaurant.id}'`,
    where,
  );
  return { ...restaurant, staff: await mintToken('staff', restaurant.id) };
}

async function place(restaurant, item = restaurant.dish, where = api) {
  const { status, body } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[item, 1]]), api: where });
  assert.equal(status, 201);
  return body.order;
}

const accept = (restaurant, order, key) =>
  request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/accept`, { token: restaurant.staff, key, api });
const statusOf = (order) => ask(`SELECT status FROM orders WHERE id = '${order.order_id}'`);
const stepsOf = (order) => ask(`SELECT string_agg(step || ' ' || action || ' ' || outcome, ', ' ORDER BY step) FROM order_alerts WHERE order_id = '${order.order_id}'`);

/** Numbers 1 to n, each once, the counter says n, and each alert that was recorded is an event, once. */
async function assertWhole(restaurant) {
  const [[events, last, counter]] = await rows(
    `SELECT count(e.seq), max(e.seq), min(s.seq) FROM restaurant_streams s JOIN order_events e USING (restaurant_id)
      WHERE s.restaurant_id = '${restaurant.id}'`,
  );
  assert.equal(events, last);
  assert.equal(last, counter);
  const alerts = (table) =>
    ask(`SELECT count(*), count(DISTINCT (order_id, step)) FROM ${table} WHERE restaurant_id = '${restaurant.id}'`);
  assert.equal(
    await alerts(`(SELECT *, data::json -> 'alert' ->> 'step' AS step FROM order_events WHERE type = 'order.alerted') e`),
    await alerts(`(SELECT * FROM order_alerts WHERE action = 'alert') a`),
  );
}

test('an order that nobody shows or accepts is alerted twice and then rejected, with its stock given back', async () => {
  const restaurant = await makeTimed({ display: 1, accept: 2, reject: 3 });
  const worker = await work();
  const order = await place(restaurant, restaurant.counted);
  assert.equal(await ask(`SELECT stock FROM menu_items WHERE id = '${restaurant.counted}'`), '9');
  await until('rejected', async () => (await statusOf(order)) === 'REJECTED');
  assert.equal(await ask(`SELECT stock FROM menu_items WHERE id = '${restaurant.counted}'`), '10');
  const events = await rows(
    `SELECT seq, order_version, type, data FROM order_events WHERE restaurant_id = '${restaurant.id}' ORDER BY seq`,
  );
  assert.deepEqual(
    events.map(([seq, version, type]) => [seq, version, type]),
    [
      ['1', '1', 'order.created'],
      ['2', '', 'order.alerted'],
      ['3', '', 'order.alerted'],
      ['4', '2', 'order.rejected'],
    ],
  );
  const states = events.map(([, , , data]) => JSON.parse(data));
  const alerts = states.slice(1, 3).map(({ alert }) => alert);
  assert.deepEqual(alerts.map(({ step, reason }) => [step, reason]), [[1, 'not_displayed'], [2, 'not_accepted']]);
  assert.ok(alerts[0].waiting_ms >= 1000 && alerts[1].waiting_ms >= 2000);
  for (const [i, alert] of alerts.entries()) assert.deepEqual(states[i + 1], { ...order, alert }); // it changes nothing
  assert.match(states[3].reason, /in time/);
  assert.equal(await ask(`SELECT changed_by FROM orders WHERE id = '${order.order_id}'`), 'system');
  assert.deepEqual(await rows(`SELECT actor_role, action FROM audit_logs WHERE subject_id = '${order.order_id}' ORDER BY at`), [
    ['guest', 'order.created'],
    ['system', 'order.alerted'],
    ['system', 'order.alerted'],
    ['system', 'order.rejected'],
  ]);
  await until('no timer left', async () => (await ask(`SELECT count(*) FROM order_watches WHERE order_id = '${order.order_id}'`)) === '0');
  await worker.stop();
});

test('an order that is shown is not alerted for not being shown', async () => {
  const restaurant = await makeTimed({ display: 1, accept: 2 });
  const order = await place(restaurant);
  await ask(
    `INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)
     VALUES ('${restaurant.id}', '${order.order_id}', true, '{tablet}', ARRAY[now()])`,
  );
  const worker = await work();
  await until('alerted', async () => (await stepsOf(order)).includes('2 alert done'));
  assert.doesNotMatch(await stepsOf(order), /1 alert/);
  await worker.stop();
});

test('a timer is set anew without the lock of the restaurant when nothing is due', async () => {
  const restaurant = await makeTimed({ display: 1, reject: 3600 });
  const order = await place(restaurant);
  await ask(
    `INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)
     VALUES ('${restaurant.id}', '${order.order_id}', true, '{tablet}', ARRAY[now()])`,
  );
  const worker = await work({ OSY_FAILPOINTS: 'watchdog.claimed=kill' }); // the lock comes behind it
  await until('set anew', async () => (await ask(`SELECT next_at > now() + interval '50 seconds' FROM order_watches WHERE order_id = '${order.order_id}'`)) === 't');
  assert.equal(worker.child.exitCode ?? worker.child.signalCode, null);
  await worker.stop();
});

test('an alert is in its own event alone, not in replies nor in the order’s next event', async () => {
  const restaurant = await makeTimed({ accept: 1 });
  const token = restaurant.staff;
  const worker = await work();
  const order = await place(restaurant);
  await until('alerted', async () => (await stepsOf(order)).includes('2 alert done'));
  const detail = (await request('GET', `/api/v1/orders/${order.order_id}`, { token, api })).body.order;
  assert.deepEqual([detail.order_id, 'alert' in detail], [order.order_id, false]);
  assert.deepEqual((await request('GET', '/api/v1/restaurants/me/orders', { token, api })).body.orders, [order]);
  const early = await request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/ready`, { token, api });
  assert.deepEqual([early.status, early.body.order], [409, order]);
  const accepted = (await accept(restaurant, order)).body.order;
  assert.deepEqual(accepted, { ...order, status: 'ACCEPTED', version: 2, updated_at: accepted.updated_at });
  const [[told, next]] = await rows(
    `SELECT a.data, b.data FROM order_events a JOIN order_events b USING (order_id)
      WHERE order_id = '${order.order_id}' AND a.type = 'order.alerted' AND b.type = 'order.accepted'`,
  );
  assert.deepEqual(Object.keys(JSON.parse(told)), [...Object.keys(order), 'alert']); // the last member
  assert.deepEqual(JSON.parse(next), accepted);
  await worker.stop();
});

test('an order’s alerts are numbered as they come, whichever steps of the ladder they are', async () => {
  const restaurant = await makeTimed({ display: 2, accept: 1 });
  const worker = await work();
  const order = await place(restaurant);
  await until('both', async () => /^1 alert done, 2 alert done/.test(await stepsOf(order)));
  assert.deepEqual(
    await rows(
      `SELECT data::json #>> '{alert,step}', data::json #>> '{alert,reason}' FROM order_events
        WHERE order_id = '${order.order_id}' AND type = 'order.alerted' ORDER BY seq`,
    ),
    [['1', 'not_accepted'], ['2', 'not_displayed']],
  );
  await worker.stop();
});

test('an order whose alert the database refuses keeps no other from its alerts, nor itself from its rejection', async () => {
  const [restaurant, other] = [await makeTimed({ accept: 1 }), await makeTimed({ accept: 1 })];
  const orders = [await place(restaurant), await place(restaurant), await place(other)];
  const [bad, ...good] = orders;
  // Its data has room for the reason of a rejection, but not for what an alert adds.
  await ask(
    `UPDATE order_events SET data = left(data, -1) || ',"more":"' || repeat('x', 59975 - octet_length(data)) || '"}'
      WHERE order_id = '${bad.order_id}'`,
  );
  const worker = await work();
  for (const order of good) await until('alerted', async () => (await stepsOf(order)).includes('2 alert done'));
  assert.equal(await stepsOf(bad), '');
  await ask(`UPDATE restaurants SET reject_after_s = 1; UPDATE order_watches SET next_at = now()`);
  for (const order of orders) await until('rejected', async () => (await statusOf(order)) === 'REJECTED');
  await assertWhole(restaurant);
  await assertWhole(other);
  await worker.stop();
});

test('an order that accepts itself is counted, and its worker goes on', async () => {
  const restaurant = await makeTimed({});
  await ask(`UPDATE restaurants SET auto_accept_after_s = 0 WHERE id = '${restaurant.id}'`);
  const worker = await work();
  const order = await place(restaurant);
  await until('accepted', async () => (await statusOf(order)) === 'ACCEPTED');
  await until('counted', async () => /orders_accepted_automatically_total 1\n/.test(await (await fetch(`http://127.0.0.1:${worker.port}/metrics`)).text()));
  await assertWhole(restaurant);
  assert.deepEqual(await worker.stop(), [0, null]);
});

test('orders whose acceptance the database refuses hold up no others that accept themselves', async () => {
  const [bad, good] = [await makeTimed({}), await makeTimed({})];
  await ask(`UPDATE restaurants SET auto_accept_after_s = 0 WHERE id IN ('${bad.id}', '${good.id}')`);
  await Promise.all(Array.from({ length: 101 }, () => place(bad))); // more than are looked at in one go
  await ask(`UPDATE order_events SET data = 'damaged' WHERE restaurant_id = '${bad.id}'`);
  const order = await place(good);
  const worker = await work();
  await until('accepted', async () => (await statusOf(order)) === 'ACCEPTED');
  assert.equal(await ask(`SELECT count(*) FROM orders WHERE restaurant_id = '${bad.id}' AND status = 'PENDING'`), '101');
  await assertWhole(good);
  await worker.stop();
});

test('two workers share the orders, and each step is taken once', async () => {
  const restaurant = await makeTimed({ display: 1, accept: 1, reject: 4 });
  const workers = await Promise.all([work(), work()]);
  const orders = await Promise.all(Array.from({ length: 120 }, () => place(restaurant)));
  await until('all rejected', async () =>
    (await ask(`SELECT count(*) FROM orders WHERE restaurant_id = '${restaurant.id}' AND status = 'REJECTED'`)) === String(orders.length));
  assert.equal(
    await ask(`SELECT count(*) FROM order_alerts WHERE restaurant_id = '${restaurant.id}' AND action = 'alert'`),
    String(2 * orders.length),
  );
  await assertWhole(restaurant);
  await Promise.all(workers.map(({ stop }) => stop()));
});

test('acceptance and automatic rejection race, and one of them wins', async () => {
  const restaurant = await makeTimed({ reject: 1 });
  const worker = await work();
  const orders = await Promise.all(Array.from({ length: 60 }, () => place(restaurant)));
  const replies = await Promise.all(
    orders.map(async (order, i) => {
      await pause(800 + i * 10); // around the moment of rejection; whoever wins, the outcome must be one
      return accept(restaurant, order);
    }),
  );
  await until('none waits', async () => (await ask(`SELECT count(*) FROM orders WHERE restaurant_id = '${restaurant.id}' AND status = 'PENDING'`)) === '0');
  for (const [i, { status, body }] of replies.entries()) {
    assert.ok(status === 200 || (status === 409 && body.changed_by === 'system'));
    assert.equal(await statusOf(orders[i]), status === 200 ? 'ACCEPTED' : 'REJECTED');
  }
  assert.equal(await ask(`SELECT count(*) FROM order_events WHERE restaurant_id = '${restaurant.id}'`), String(2 * orders.length));
  await assertWhole(restaurant);
  await worker.stop();
});

for (const point of ['claimed', 'before_commit', 'committed', 'before_publish', 'before_reject']) {
  test(`a worker that dies at watchdog.${point} is continued by another, and nothing is done twice`, async () => {
    const restaurant = await makeTimed({ display: 1, accept: 1, reject: 2 });
    const orders = await Promise.all(Array.from({ length: 10 }, () => place(restaurant)));
    const doomed = await work({ OSY_FAILPOINTS: `watchdog.${point}=kill` });
    assert.deepEqual(await doomed.ended, [null, 'SIGKILL']);
    const heir = await work();
    await until('all rejected', async () =>
      (await ask(`SELECT count(*) FROM orders WHERE restaurant_id = '${restaurant.id}' AND status = 'REJECTED'`)) === String(orders.length));
    await assertWhole(restaurant);
    await heir.stop();
  });
}

test('a worker that freezes while it holds a restaurant does not keep its orders', async () => {
  const restaurant = await makeTimed({ accept: 1 });
  const order = await place(restaurant);
  const frozen = await work({ OSY_FAILPOINTS: 'watchdog.before_commit=hang' });
  const isHeld = async () => (await ask(`SELECT 1 FROM restaurant_streams WHERE restaurant_id = '${restaurant.id}' FOR UPDATE SKIP LOCKED`)) === '';
  await until('held', isHeld);
  await until('accepted', async () => (await accept(restaurant, order, 'accept-once')).status === 200); // 503 until PostgreSQL frees it
  assert.equal(await stepsOf(order), ''); // its steps went with the transaction
  frozen.child.kill('SIGKILL');
  await frozen.ended;
  await assertWhole(restaurant);
});

test('a tablet hears of an alert in its stream, and of the rejection', async (t) => {
  const restaurant = await makeTimed({ display: 1, accept: 3600, reject: 2 }, env.DATABASE_URL);
  const socket = new WebSocket(`${env.WS_URL}/ws/restaurants/${restaurant.id}/orders`, 'ordersync.v1', {
    headers: { authorization: `Bearer ${restaurant.staff}` },
  });
  t.after(() => socket.terminate());
  const messages = [];
  socket.on('message', (data) => messages.push(...data.toString().split('\n').map((line) => JSON.parse(line))));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'resume', position: null }));
  await until('live', () => messages.some(({ type }) => type === 'caught_up'));
  const order = await place(restaurant, restaurant.dish, env.API_URLS.split(' ')[0]);
  const eventsOf = () => messages.filter(({ type }) => type === 'event').map(({ event }) => event);
  await until('rejected', () => eventsOf().some(({ type }) => type === 'order.rejected'));
  const events = eventsOf();
  assert.deepEqual(events.map(({ type }) => type), ['order.created', 'order.alerted', 'order.rejected']);
  const alerted = events[1];
  assert.equal(alerted.subject, order.order_id);
  const { alert, ...state } = alerted.data;
  assert.deepEqual(state, order);
  assert.deepEqual([alert.step, alert.reason], [1, 'not_displayed']);
});
