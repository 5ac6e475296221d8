/** Orders over HTTP: their life, and who may see and do what. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { until } from './own.mjs';
import { DEMO, env, makeRestaurant, menuOf, mintToken, newOrder, request, sql } from './stack.mjs';

const NIL = '00000000-0000-7000-8000-000000000000';
const { id: own, dish, counted } = await makeRestaurant();
const { id: other } = await makeRestaurant();
const [staff, stranger, both, admin, customer] = await Promise.all([
  mintToken('staff', own),
  mintToken('staff', other),
  mintToken('owner', own, other),
  mintToken('admin'),
  mintToken('customer'),
]);
const PRICE = 9000;

async function place(more = {}, options = {}) {
  const { status, body } = await request('POST', '/api/v1/orders', { body: newOrder(own, [[dish, 2]], more), ...options });
  assert.equal(status, 201);
  return body;
}

const step = (order, name, options = {}) =>
  request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/${name}`, { token: staff, ...options });

function assertProblem({ status, body }, expectedStatus, code) {
  assert.equal(body.code, code);
  assert.equal(status, expectedStatus);
}

test('a guest places an order, and the database decides what it costs', async () => {
  const { order, tracking_token: token, socket_url: url } = await place();
  assert.equal(order.status, 'PENDING');
  assert.equal(order.version, 1);
  assert.equal(order.total_amount, 2 * PRICE);
  assert.equal(order.items[0].name, '비빔밥 Bibimbap');
  assert.match(url, new RegExp(`^wss?://.*/ws/orders/${order.order_id}/status\\?r=${own}$`));
  assert.ok(token.startsWith('ost1.'));
});

test('the restaurant sees the customer, the customer only the order', async () => {
  const { order, tracking_token: token, position } = await place({ note: 'No onions,\nplease' });
  const forStaff = await request('GET', `/api/v1/orders/${order.order_id}`, { token: staff });
  assert.equal(forStaff.body.order.customer.name, 'CANARY 손님');
  assert.equal(forStaff.body.order.note, 'No onions,\nplease');
  const forGuest = await request('GET', `/api/v1/orders/${order.order_id}`, { token });
  assert.deepEqual(forGuest.body, { order, position });
});

test('personal data is stored encrypted', async () => {
  const { order } = await place();
  const stored = await sql(`SELECT position(convert_to('CANARY 손님', 'UTF8') IN customer_name) FROM orders WHERE id = '${order.order_id}'`);
  assert.equal(stored, '0');
});

test('an order goes from PENDING to COMPLETED, one version at a time', async () => {
  const { order } = await place();
  const steps = { accept: 'ACCEPTED', prepare: 'PREPARING', ready: 'READY', complete: 'COMPLETED' };
  let version = 1;
  for (const [name, status] of Object.entries(steps)) {
    const reply = await step(order, name, { body: { version } });
    assert.equal(reply.status, 200);
    assert.equal(reply.body.order.status, status);
    assert.equal(reply.body.order.version, ++version);
    const seen = await request('GET', `/api/v1/orders/${order.order_id}`, { token: staff });
    assert.equal(seen.body.position, reply.body.position);
  }
});

test('a rejection tells its reason', async () => {
  const { order, tracking_token: token } = await place();
  assert.equal((await step(order, 'reject', { body: { reason: ' Sold out ' } })).body.order.reason, 'Sold out');
  assert.equal((await request('GET', `/api/v1/orders/${order.order_id}`, { token })).body.order.status, 'REJECTED');
});

test('a customer may cancel until the cooking begins', async () => {
  const early = await place();
  const cancelled = await request('POST', `/api/v1/orders/${early.order.order_id}/cancel`, { token: early.tracking_token, body: { reason: 'Too late' } });
  assert.equal(cancelled.body.order.status, 'CANCELLED');
  const late = await place();
  await step(late.order, 'accept');
  await step(late.order, 'prepare');
  assertProblem(await request('POST', `/api/v1/orders/${late.order.order_id}/cancel`, { token: late.tracking_token }), 409, 'ORDER_CONFLICT');
});

test('of two people who move an order at once, one wins and the other is told so', async () => {
  const { order } = await place();
  const replies = await Promise.all([step(order, 'accept'), step(order, 'reject', { body: { reason: 'No' } })]);
  const won = replies.find(({ status }) => status === 200);
  const lost = replies.find(({ status }) => status === 409);
  assert.ok(won && lost);
  assert.equal(lost.body.code, 'ORDER_CONFLICT');
  assert.deepEqual(lost.body.order, won.body.order);
  assert.equal(lost.body.changed_by, 'staff');
  assert.equal(lost.body.changed_at, won.body.order.updated_at);
});

test('a step that expects another version is a conflict', async () => {
  const { order } = await place();
  assertProblem(await step(order, 'accept', { body: { version: 2 } }), 409, 'ORDER_CONFLICT');
});

test('the same idempotency key gives the same reply, byte for byte', async () => {
  const key = randomUUID();
  const body = newOrder(own, [[dish, 1]]);
  const replies = await Promise.all(Array.from({ length: 8 }, () => request('POST', '/api/v1/orders', { body, key })));
  for (const reply of replies) {
    assert.equal(reply.status, 201);
    assert.deepEqual(reply.body, replies[0].body);
  }
  assertProblem(await request('POST', '/api/v1/orders', { body: { ...body, note: 'else' }, key }), 422, 'IDEMPOTENCY_KEY_REUSED');
});

test('the same key repeats a step without a conflict', async () => {
  const { order } = await place();
  const key = randomUUID();
  const first = await step(order, 'accept', { key });
  const again = await step(order, 'accept', { key });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, first.body);
  const { order: another } = await place();
  assertProblem(await step(another, 'accept', { key }), 422, 'IDEMPOTENCY_KEY_REUSED');
});

test('stock is sold exactly, and a cancellation gives it back', async () => {
  const stockNow = async () => (await menuOf(own)).find((item) => item.item_id === counted).stock;
  const replies = await Promise.all(Array.from({ length: 40 }, () => request('POST', '/api/v1/orders', { body: newOrder(own, [[counted, 1]]) })));
  const sold = replies.filter(({ status }) => status === 201);
  const refused = replies.filter(({ body }) => body.code === 'OUT_OF_STOCK');
  assert.equal(sold.length, 10);
  assert.equal(refused.length, 30);
  assert.equal(refused[0].body.item_id, counted);
  assert.equal(await stockNow(), 0);
  await request('POST', `/api/v1/orders/${sold[0].body.order.order_id}/cancel`, { token: sold[0].body.tracking_token });
  assert.equal(await stockNow(), 1);
});

test('the list goes through all orders, newest first, without a gap or a double', async () => {
  const placed = [];
  for (let i = 0; i < 5; i++) placed.unshift((await place()).order.order_id);
  const seen = [];
  for (let after = ''; seen.length < placed.length; ) {
    const page = await request('GET', `/api/v1/restaurants/me/orders?limit=2${after}`, { token: staff });
    assert.ok(page.body.orders.length <= 2);
    seen.push(...page.body.orders.map((order) => order.order_id));
    after = `&after=${page.body.next}`;
  }
  assert.deepEqual(seen.slice(0, placed.length), placed);
});

test('the list can be filtered by status', async () => {
  const { order } = await place();
  await step(order, 'accept');
  const ids = async (status) =>
    (await request('GET', `/api/v1/restaurants/me/orders?limit=100&status=${status}`, { token: staff })).body.orders.map((one) => one.order_id);
  assert.ok((await ids('ACCEPTED,PREPARING')).includes(order.order_id));
  assert.ok((await ids('ACCEPTED,COMPLETED')).includes(order.order_id));
  assert.ok(!(await ids('PENDING')).includes(order.order_id));
});

test('a token with several restaurants, and an admin, name the one they mean', async () => {
  const { order } = await place();
  for (const token of [both, admin]) {
    assertProblem(await request('GET', '/api/v1/restaurants/me/orders', { token }), 400, 'INVALID_REQUEST');
    assert.equal((await request('GET', `/api/v1/restaurants/me/orders?restaurant_id=${own}`, { token })).status, 200);
  }
  assert.equal((await request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/accept?restaurant_id=${own}`, { token: both })).status, 200);
  const cancelled = await request('POST', `/api/v1/orders/${order.order_id}/cancel?restaurant_id=${own}`, { token: admin });
  assert.equal(cancelled.status, 200);
  const conflict = await step(order, 'prepare');
  assert.equal(conflict.body.changed_by, 'admin');
});

test("nobody sees or moves another's order", async () => {
  const { order } = await place();
  const foreign = await place();
  const path = `/api/v1/orders/${order.order_id}`;
  assertProblem(await request('GET', path), 401, 'UNAUTHENTICATED');
  assertProblem(await request('GET', path, { token: stranger }), 404, 'ORDER_NOT_FOUND');
  assertProblem(await request('GET', path, { token: foreign.tracking_token }), 404, 'ORDER_NOT_FOUND');
  assertProblem(await request('GET', `/api/v1/orders/${NIL}`, { token: staff }), 404, 'ORDER_NOT_FOUND');
  assertProblem(await request('POST', `${path}/cancel`, { token: foreign.tracking_token }), 404, 'ORDER_NOT_FOUND');
  assertProblem(await step(order, 'accept', { token: stranger }), 404, 'ORDER_NOT_FOUND');
  assertProblem(await step(order, 'accept', { token: foreign.tracking_token }), 403, 'INSUFFICIENT_PERMISSION');
  assertProblem(await step(order, 'accept', { token: customer }), 403, 'INSUFFICIENT_PERMISSION');
  assertProblem(await request('GET', `/api/v1/restaurants/me/orders?restaurant_id=${own}`, { token: stranger }), 404, 'RESTAURANT_NOT_FOUND');
  assert.equal((await request('GET', path, { token: staff })).body.order.version, 1);
});

test('a closed restaurant and an item that is off the menu take no orders', async () => {
  const { id: shut, dish: item } = await makeRestaurant();
  const order = () => request('POST', '/api/v1/orders', { body: newOrder(shut, [[item, 1]]) });
  await sql(`UPDATE menu_items SET available = false WHERE id = '${item}'`);
  const unavailable = await order();
  assertProblem(unavailable, 409, 'ITEM_UNAVAILABLE');
  assert.equal(unavailable.body.item_id, item);
  await sql(`UPDATE restaurants SET accepting = false WHERE id = '${shut}'`);
  assertProblem(await order(), 409, 'RESTAURANT_CLOSED');
  await sql(`UPDATE restaurants SET accepting = true WHERE id = '${shut}'; UPDATE menu_items SET available = true WHERE id = '${item}'`);
  assert.equal((await order()).status, 201);
});

test("every committed event reaches the restaurant's Redis stream and names the one before", { timeout: 60_000 }, async () => {
  const { order } = await place();
  await step(order, 'accept');
  const created = await sql(`SELECT id FROM order_events WHERE order_id = '${order.order_id}' AND order_version = 1`);
  const seq = Number(await sql(`SELECT seq FROM restaurant_streams WHERE restaurant_id = '${own}'`));
  const stream = await waitForEntry(`os:{${own}}:log`, `${seq}-0`);
  assert.match(stream, new RegExp(`${seq} 2 ${created} \\{"specversion":"1.0"`));
  assert.match(stream, /"type":"order.accepted"/);
});

/** Waits until the stream has that entry: publication follows the reply. A few lines of RESP need no client. */
async function waitForEntry(key, id) {
  const url = new URL(env.REDIS_URL);
  const socket = net.connect(Number(url.port), url.hostname);
  socket.setEncoding('utf8');
  const ask = (...words) =>
    new Promise((resolve, reject) => {
      let text = '';
      const onData = (data) => {
        text += data;
        if (!text.endsWith('\r\n')) return;
        socket.off('data', onData);
        resolve(text);
      };
      socket.on('data', onData).once('error', reject);
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
    });
  try {
    if (url.password) await ask('AUTH', decodeURIComponent(url.password));
    if (url.pathname.length > 1) await ask('SELECT', url.pathname.slice(1));
    return await until('the stream has it', async () => {
      const reply = await ask('XRANGE', key, id, id);
      return reply !== '*0\r\n' && reply;
    });
  } finally {
    socket.destroy();
  }
}

test('a menu that the client has is not sent again, until something of it changes', async () => {
  const own = await makeRestaurant();
  const target = `/api/v1/restaurants/${own.id}/menu`;
  const ask = (known) => request('GET', target, { headers: known ? { 'if-none-match': known } : {} });
  const first = await ask();
  const tag = first.headers.get('etag');
  assert.match(tag, /^"[\w-]{22}"$/);
  assert.equal(first.headers.get('cache-control'), 'no-cache');
  for (const known of [tag, `W/${tag}`, `"a,b", ${tag}`, '*']) {
    const { status, body, headers } = await ask(known);
    assert.deepEqual([status, body, headers.get('etag'), headers.get('cache-control')], [304, '', tag, 'no-cache'], known);
  }
  assert.equal((await ask('"another"')).status, 200);
  assert.equal((await request('POST', '/api/v1/orders', { body: newOrder(own.id, [[own.counted, 1]]) })).status, 201);
  const { status, body, headers } = await ask(tag);
  assert.equal(status, 200);
  assert.equal(body.items.find((item) => item.item_id === own.counted).stock, 9);
  assert.notEqual(headers.get('etag'), tag);
});

test('nobody keeps orders', async () => {
  const own = await makeRestaurant();
  const token = await mintToken('staff', own.id);
  const { headers } = await request('GET', '/api/v1/restaurants/me/orders', { token });
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('etag'), null);
});

test('the demo restaurant has a menu, and an unknown one has none', async () => {
  assert.ok((await menuOf(DEMO)).length >= 8);
  assertProblem(await request('GET', `/api/v1/restaurants/${NIL}/menu`), 404, 'RESTAURANT_NOT_FOUND');
});
