/** Whose key an order's personal data is encrypted with, as the database shows it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { makeRestaurant, mintToken, newOrder, program, request, sql } from '../api/stack.mjs';

const restaurant = await makeRestaurant();
const staff = await mintToken('staff', restaurant.id);
const customer = { name: '김손님', phone: '010-1234-5678', address: '서울 종로구 1' };

async function mintCustomer(id = randomUUID()) {
  const [token] = await program('token', '--role', 'customer', '--subject', id);
  return { id, token };
}

async function place(token, more = {}) {
  const { status, body } = await request('POST', '/api/v1/orders', {
    token,
    body: newOrder(restaurant.id, [[restaurant.dish, 1]], { customer, note: '문 앞에', ...more }),
  });
  assert.equal(status, 201);
  return body.order.order_id;
}

const read = (id) => request('GET', `/api/v1/orders/${id}`, { token: staff });

async function assertReadable(id, expected = customer) {
  const { status, body } = await read(id);
  assert.equal(status, 200);
  assert.deepEqual(body.order.customer, expected);
  assert.equal(body.order.note, '문 앞에');
}

/** Version and name of the key of each personal column. */
const keysOf = (id) =>
  sql(`SELECT string_agg(DISTINCT get_byte(c, 0) || ' ' || encode(substring(c FROM 3 FOR get_byte(c, 1)), 'hex'), ';')
         FROM orders, unnest(ARRAY[customer_name, customer_phone, customer_address, note]) c WHERE id = '${id}'`);
const bare = (uuid) => uuid.replaceAll('-', '');

test("a guest's order has a key of its own", async () => {
  const [first, second] = [await place(), await place()];
  await assertReadable(first);
  assert.equal(await keysOf(first), `2 ${bare(first)}`);
  assert.equal(await keysOf(second), `2 ${bare(second)}`);
  assert.equal(await sql(`SELECT customer_id IS NULL AND wrapping_key_of(data_key) LIKE '20%' FROM orders WHERE id = '${first}'`), 't');
});

test('all orders of a customer have the same key, which their rows do not hold', async () => {
  const { id, token } = await mintCustomer();
  const orders = [await place(token), await place(token)];
  const key = await sql(`SELECT id FROM subject_keys WHERE user_id = '${id}'`);
  for (const order of orders) {
    await assertReadable(order);
    assert.equal(await keysOf(order), `2 ${bare(key)}`);
    assert.equal(await sql(`SELECT data_key IS NULL AND customer_id = '${id}' FROM orders WHERE id = '${order}'`), 't');
  }
});

test("a customer's first orders at once make one key", async () => {
  const { id, token } = await mintCustomer();
  const orders = await Promise.all(Array.from({ length: 20 }, () => place(token)));
  assert.equal(await sql(`SELECT count(*) FROM subject_keys WHERE user_id = '${id}'`), '1');
  for (const order of orders) await assertReadable(order);
});

test('another order of the restaurant cannot be given the values of this one', async () => {
  const [from, to] = [await place(), await place()];
  await sql(`UPDATE orders SET customer_name = (SELECT customer_name FROM orders WHERE id = '${from}') WHERE id = '${to}'`);
  assert.equal((await read(to)).status, 500);
  await sql(`UPDATE orders SET (customer_name, customer_phone, customer_address, note, data_key) =
    (SELECT customer_name, customer_phone, customer_address, note, data_key FROM orders WHERE id = '${from}') WHERE id = '${to}'`);
  assert.equal((await read(to)).status, 500);
});

test('what has lost its key reads as null', async () => {
  const { id, token } = await mintCustomer();
  const [own, customers] = [await place(), await place(token)];
  await sql(`UPDATE orders SET data_key = NULL WHERE id = '${own}';
    UPDATE subject_keys SET wrapped = NULL, destroyed_at = now() WHERE user_id = '${id}'`);
  for (const order of [own, customers]) {
    const { status, body } = await read(order);
    assert.equal(status, 200);
    assert.deepEqual(body.order.customer, { name: null, phone: null, address: null });
    assert.equal(body.order.note, null);
  }
});

test('a number is indexed alike however it is written, and in no two restaurants alike', async () => {
  const other = await makeRestaurant();
  const index = (id) => sql(`SELECT encode(phone_index, 'hex') FROM orders WHERE id = '${id}'`);
  const first = await index(await place());
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(await index(await place(undefined, { customer: { ...customer, phone: '+82 10 1234 5678' } })), first);
  assert.notEqual(await index(await place(undefined, { customer: { ...customer, phone: '010-1234-5679' } })), first);
  const { body } = await request('POST', '/api/v1/orders', { body: newOrder(other.id, [[other.dish, 1]], { customer }) });
  assert.notEqual(await index(body.order.order_id), first);
});
