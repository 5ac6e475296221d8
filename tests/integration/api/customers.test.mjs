/** Customers with an account: their own orders, and nobody else's. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { PROGRAM } from './own.mjs';
import { env, makeRestaurant, newOrder, program, request, sql, mintToken } from './stack.mjs';

const { id: own, dish, counted } = await makeRestaurant();
const [staff, owner] = await Promise.all([mintToken('staff', own), mintToken('owner', own)]);

async function makeCustomer() {
  const [token] = await program('token', '--role', 'customer');
  return token;
}
const [customer, another] = await Promise.all([makeCustomer(), makeCustomer()]);

async function place(token, more = {}) {
  const { status, body } = await request('POST', '/api/v1/orders', { token, body: newOrder(own, [[dish, 2]], more) });
  assert.equal(status, 201);
  return body;
}

function assertProblem({ status, body }, expectedStatus, code) {
  assert.equal(body.code, code);
  assert.equal(status, expectedStatus);
}
const mine = (token, query = '') => request('GET', `/api/v1/orders/mine${query}`, { token });
const orderPath = (order, rest = '') => `/api/v1/orders/${order.order_id}${rest}`;

test('a customer sees the orders placed with the account, newest first and page by page', async () => {
  const token = await makeCustomer();
  const placed = [];
  for (let i = 0; i < 3; i++) placed.unshift((await place(token)).order.order_id);
  await place(customer);
  await place(undefined);
  const first = await mine(token, '?limit=2');
  const second = await mine(token, `?limit=2&after=${first.body.next}`);
  assert.equal(second.body.next, null);
  assert.deepEqual([...first.body.orders, ...second.body.orders].map((order) => order.order_id), placed);
  assert.deepEqual((await mine(await makeCustomer())).body, { orders: [], next: null });
  for (const token of [staff, owner]) assertProblem(await mine(token), 403, 'INSUFFICIENT_PERMISSION');
  assertProblem(await mine(undefined), 401, 'UNAUTHENTICATED');
});

test('a customer reads and cancels the own order without a tracking token', async () => {
  const { order, position } = await place(customer, { note: 'No onions' });
  const read = await request('GET', orderPath(order), { token: customer });
  assert.equal(read.status, 200);
  assert.equal(read.body.position, position);
  assert.equal(read.body.order.customer.name, 'CANARY 손님');
  assert.equal(read.body.order.note, 'No onions');
  const key = randomUUID();
  const cancel = () => request('POST', orderPath(order, '/cancel'), { token: customer, key, body: { reason: 'Too late' } });
  const cancelled = await cancel();
  assert.equal(cancelled.body.order.status, 'CANCELLED');
  assert.deepEqual((await cancel()).body, cancelled.body);
});

test("nobody reads, cancels or repeats another's order", async () => {
  const { order } = await place(customer);
  const { order: guests, tracking_token: token } = await place(undefined);
  const steps = [
    ['GET', ''],
    ['POST', '/cancel'],
    ['POST', '/reorder'],
  ];
  for (const [method, rest] of steps) {
    assertProblem(await request(method, orderPath(order, rest), { token: another }), 404, 'ORDER_NOT_FOUND');
    assertProblem(await request(method, orderPath(guests, rest), { token: customer }), 404, 'ORDER_NOT_FOUND');
    assertProblem(await request(method, orderPath(order, rest), { token }), 404, 'ORDER_NOT_FOUND');
    assertProblem(await request(method, `/api/v1/orders/${randomUUID()}${rest}`, { token: customer }), 404, 'ORDER_NOT_FOUND');
  }
  assertProblem(await request('GET', orderPath(order, '/timeline'), { token: customer }), 403, 'INSUFFICIENT_PERMISSION');
  assert.equal((await request('GET', orderPath(order), { token: customer })).body.order.version, 1);
});

test('an order of one’s own is placed again without saying who one is', async () => {
  const { order } = await place(customer, { note: 'No onions' });
  await sql(`UPDATE menu_items SET unit_amount = 9500 WHERE id = '${dish}'`);
  try {
    const key = randomUUID();
    const again = () => request('POST', orderPath(order, '/reorder'), { token: customer, key });
    const { status, body } = await again();
    assert.equal(status, 201);
    assert.notEqual(body.order.order_id, order.order_id);
    assert.equal(body.order.total_amount, 2 * 9500);
    assert.deepEqual((await again()).body, body);
    const read = await request('GET', orderPath(body.order), { token: staff });
    assert.equal(read.body.order.customer.name, 'CANARY 손님');
    assert.equal(read.body.order.note, null);
    assert.ok((await mine(customer, '?limit=1')).body.orders[0].order_id === body.order.order_id);
    const elsewhere = await request('POST', orderPath(order, '/reorder'), { token: customer, key: randomUUID(), body: { customer: { name: 'Else', phone: '010-1111', address: 'There' }, note: 'Ring twice' } });
    const seen = await request('GET', orderPath(elsewhere.body.order), { token: staff });
    assert.deepEqual([seen.body.order.customer.name, seen.body.order.note], ['Else', 'Ring twice']);
    assertProblem(await request('POST', orderPath(order, '/reorder'), { token: customer, key, body: { note: 'else' } }), 422, 'IDEMPOTENCY_KEY_REUSED');
  } finally {
    await sql(`UPDATE menu_items SET unit_amount = 9000 WHERE id = '${dish}'`);
  }
});

test('a guest places an order again by its link, but says who it is for', async () => {
  const { order, tracking_token: token } = await place(undefined);
  const reorder = (body) => request('POST', orderPath(order, '/reorder'), { token, body });
  const refused = await reorder({});
  assertProblem(refused, 400, 'INVALID_REQUEST');
  assert.match(refused.body.detail, /'customer'/);
  assertProblem(await reorder({ customer: { name: 'A', phone: 'x', address: 'B' } }), 400, 'INVALID_REQUEST');
  assertProblem(await reorder({ customer: newOrder(own, []).customer, items: [] }), 400, 'INVALID_REQUEST');
  const { status, body } = await reorder({ customer: newOrder(own, []).customer });
  assert.equal(status, 201);
  assert.equal(body.order.total_amount, order.total_amount);
  assertProblem(await request('POST', orderPath(order, '/reorder'), { token: staff }), 403, 'INSUFFICIENT_PERMISSION');
});

test('what is not to be had today is not ordered again', async () => {
  const { body } = await request('POST', '/api/v1/orders', { token: customer, body: newOrder(own, [[counted, 1]]) });
  await sql(`UPDATE menu_items SET available = false WHERE id = '${counted}'`);
  const refused = await request('POST', orderPath(body.order, '/reorder'), { token: customer });
  await sql(`UPDATE menu_items SET available = true WHERE id = '${counted}'`);
  assertProblem(refused, 409, 'ITEM_UNAVAILABLE');
  assert.equal(refused.body.item_id, counted);
});

test('the timeline tells who did what on which device', async () => {
  const { order } = await place(customer);
  const step = (name, body) => request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/${name}`, { token: staff, body });
  assert.equal((await step('accept', { device: 'kitchen-1' })).status, 200);
  assert.equal((await step('prepare')).status, 200);
  for (const device of ['', 'a b', 'x'.repeat(65), '<b>']) assertProblem(await step('ready', { device }), 400, 'INVALID_REQUEST');
  const { body } = await request('GET', orderPath(order, '/timeline'), { token: owner });
  const told = body.entries.filter(({ kind }) => kind === 'event').map(({ type, by, device }) => [type, by, device]);
  assert.deepEqual(told, [
    ['order.created', 'customer', null],
    ['order.accepted', 'staff', 'kitchen-1'],
    ['order.preparing', 'staff', null],
  ]);
  assert.deepEqual(body.people, []); // tokens of nobody who has an account
  // The customer's own order does not tell of devices.
  assert.ok(!JSON.stringify((await request('GET', orderPath(order), { token: customer })).body).includes('kitchen-1'));
});

test('the timeline names the restaurant’s own people, and nobody else', async () => {
  const { order } = await place(customer);
  const { id: elsewhere } = await makeRestaurant();
  const account = async (name, restaurant) => {
    const email = `${randomUUID()}@example.org`;
    const child = spawn(PROGRAM, ['users', 'create', '--email', email, '--name', name, '--role', 'staff', '--restaurant', restaurant], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(`${randomUUID()}\n`);
    const [id] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return id.trim();
  };
  const [mine, foreign] = await Promise.all([account('CANARY Lee', own), account('CANARY Park', elsewhere)]);
  const tokens = await Promise.all([mine, foreign].map((subject) => program('token', '--role', 'staff', '--subject', subject, '--restaurant', own)));
  const step = (name, token) => request('POST', `/api/v1/restaurants/me/orders/${order.order_id}/${name}`, { token });
  assert.equal((await step('accept', tokens[0][0])).status, 200);
  assert.equal((await step('prepare', tokens[1][0])).status, 200);
  const { body } = await request('GET', orderPath(order, '/timeline'), { token: staff });
  assert.deepEqual(body.people, [{ user_id: mine, name: 'CANARY Lee' }]);
  assert.deepEqual(body.entries.filter(({ kind }) => kind === 'event').map((entry) => entry.user_id).slice(1), [mine, foreign]);
});

test('fifty repetitions at once place one order', async () => {
  const key = randomUUID();
  const body = newOrder(own, [[dish, 1]], { note: 'race' });
  const replies = await Promise.all(Array.from({ length: 50 }, () => request('POST', '/api/v1/orders', { token: customer, key, body })));
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [201]);
  assert.equal(new Set(replies.map((reply) => reply.body.order.order_id)).size, 1);
  // The same key of somebody else is another request.
  const foreign = await request('POST', '/api/v1/orders', { token: another, key, body });
  assert.equal(foreign.status, 201);
  assert.notEqual(foreign.body.order.order_id, replies[0].body.order.order_id);
});
