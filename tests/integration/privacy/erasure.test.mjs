/** Erasing people and orders: what is gone, what is kept, and that nothing breaks over it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { hold, meet } from '../api/hold.mjs';
import { PROGRAM, until } from '../api/own.mjs';
import { anywhere, logIn, newEmail, PASSWORD, post, signUp, signUpOwner } from '../api/people.mjs';
import { env, makeRestaurant, mintToken, newOrder, program, request, sql } from '../api/stack.mjs';

const restaurant = await makeRestaurant();
const staff = await mintToken('staff', restaurant.id);
const customer = { name: '김손님', phone: '010-1234-5678', address: '서울 종로구 1' };
const GONE = { name: null, phone: null, address: null };

async function mintCustomer() {
  const id = randomUUID();
  const [token] = await program('token', '--role', 'customer', '--subject', id);
  return { id, token };
}

async function place(token, { end = true, at = restaurant } = {}) {
  const { status, body } = await request('POST', '/api/v1/orders', {
    token,
    body: newOrder(at.id, [[at.dish, 1]], { customer, note: '문 앞에' }),
  });
  assert.equal(status, 201);
  if (end) await finish(body.order.order_id, at);
  return body.order.order_id;
}

async function finish(id, at = restaurant) {
  const token = at === restaurant ? staff : await mintToken('staff', at.id);
  const { status } = await request('POST', `/api/v1/restaurants/me/orders/${id}/reject`, { token, body: { reason: '재료 없음' } });
  assert.equal(status, 200);
}

const read = async (id) => (await request('GET', `/api/v1/orders/${id}`, { token: staff })).body.order;
const eraseMe = (token) => request('DELETE', '/api/v1/users/me', { token });

/** All columns of the order that could tell of somebody. */
const left = (id) =>
  sql(`SELECT num_nonnulls(customer_name, customer_phone, customer_address, note, line_notes, data_key, phone_index) FROM orders WHERE id = '${id}'`);

async function run(...args) {
  try {
    return { code: 0, ...(await promisify(execFile)(PROGRAM, args, { env })) };
  } catch (error) {
    return error;
  }
}

test('who is erased is gone from every restaurant, and all that they were signed in with ends', async () => {
  const other = await makeRestaurant();
  const { id, token } = await mintCustomer();
  const orders = [await place(token), await place(token), await place(token, { at: other })];
  assert.deepEqual((await read(orders[0])).customer, customer);
  assert.equal((await eraseMe(token)).status, 204);
  for (const order of orders) assert.equal(await left(order), '0');
  for (const order of orders.slice(0, 2)) {
    const { customer: person, note, status } = await read(order);
    assert.deepEqual([person, note, status], [GONE, null, 'REJECTED']);
  }
  assert.equal(await sql(`SELECT wrapped IS NULL AND destroyed_at IS NOT NULL FROM subject_keys WHERE user_id = '${id}'`), 't');
  assert.equal(await sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${id}' AND action = 'user.erased'`), '1');
  const again = await until('the token has ended', async () => {
    const reply = await request('POST', '/api/v1/orders', { token, body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
    return reply.status === 401 && reply;
  });
  assert.equal(again.body.code, 'UNAUTHENTICATED');
});

test('what the law wants kept is kept apart, and whoever looks at it is on record', async () => {
  const { id, token } = await mintCustomer();
  const order = await place(token);
  assert.equal((await eraseMe(token)).status, 204);
  const { stdout } = await run('privacy', 'record', '--order', order);
  const record = JSON.parse(stdout);
  assert.deepEqual(record.customer, customer);
  assert.equal(record.user_id, id);
  const years = (Date.parse(record.keep_until) - Date.parse(record.ordered_at)) / (365.25 * 24 * 3600 * 1000);
  assert.ok(Math.abs(years - 5) < 0.01, `kept for ${years} years`);
  assert.equal(await sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${order}' AND action = 'record.read'`), '1');
  assert.equal(await sql(`SELECT position(convert_to('김손님', 'UTF8') IN record) FROM statutory_records WHERE order_id = '${order}'`), '0');
});

test('an order that is still under way is not taken from under the cook', async () => {
  const { id, token } = await mintCustomer();
  const [ended, open] = [await place(token), await place(token, { end: false })];
  const { status, body } = await eraseMe(token);
  assert.deepEqual([status, body.code], [409, 'ORDER_UNDER_WAY']);
  assert.deepEqual((await read(ended)).customer, customer); // all or nothing
  assert.equal(await sql(`SELECT wrapped IS NOT NULL FROM subject_keys WHERE user_id = '${id}'`), 't');
  await finish(open);
  assert.equal((await eraseMe(token)).status, 204);
});

test('the account goes as well: no password, session or address is left, and the address is free again', async () => {
  const person = await signUp();
  const order = await place(person.access_token);
  const id = await sql(`SELECT customer_id FROM orders WHERE id = '${order}'`);
  assert.equal((await eraseMe(person.access_token)).status, 204);
  for (const [table, column] of [['users', 'id'], ['user_emails', 'user_id'], ['sessions', 'user_id'], ['spent_tokens', 'user_id']])
    assert.equal(await sql(`SELECT count(*) FROM ${table} WHERE ${column} = '${id}'`), '0', table);
  assert.equal((await logIn(person)).status, 401);
  assert.equal((await post('/api/v1/auth/refresh', { refresh_token: person.refresh_token })).status, 401);
  assert.equal((await post('/api/v1/users', { email: person.email, password: person.password, name: '새 사람' })).status, 201);
});

test('a token that was left open erases nobody: it takes a login of the last minutes', async () => {
  const person = await signUp();
  await sql(`UPDATE sessions SET created_at = created_at - interval '6 minutes' WHERE id = '${person.session_id}'`);
  const { body: refreshed } = await post('/api/v1/auth/refresh', { refresh_token: person.refresh_token });
  for (const token of [person.access_token, refreshed.access_token]) {
    const { status, body, headers } = await eraseMe(token);
    assert.deepEqual([status, body.code], [401, 'LOGIN_TOO_OLD']);
    assert.match(headers.get('www-authenticate'), /^Bearer error="insufficient_user_authentication", max_age="300"$/);
  }
  const { body: anew } = await logIn(person);
  assert.equal((await eraseMe(anew.access_token)).status, 204);
});

/** Somebody whom an owner has taken in, signed in. */
async function hire(owner) {
  const who = { email: newEmail(), name: 'CANARY 직원', password: PASSWORD };
  const reply = await post('/api/v1/restaurants/me/staff', who, { token: owner.access_token });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return { id: reply.body.user_id, ...who, token: (await logIn(who)).body.access_token };
}

test('what the audit log says of somebody ends with the key, and the chains hold', async () => {
  const owner = await signUpOwner();
  const [leaver, colleague] = [await hire(owner), await hire(owner)];
  const fire = ({ id }) => request('DELETE', `/api/v1/restaurants/me/staff/${id}`, { token: owner.access_token, headers: anywhere() });
  for (const who of [leaver, colleague]) assert.equal((await fire(who)).status, 204);
  const told = async ({ id }) => {
    const { status, body } = await request('GET', `/api/v1/audit?subject_id=${id}`, { token: owner.access_token, headers: anywhere() });
    assert.equal(status, 200);
    return body.entries.filter(({ action }) => action.startsWith('staff.')).map(({ action, old, new: fresh }) => [action, (old ?? fresh)?.name, (old ?? fresh)?.email]);
  };
  const both = ({ name, email }) => [['staff.removed', name, email], ['staff.added', name, email]];
  assert.deepEqual(await told(leaver), both(leaver));

  // Tokens of the second in which the place was taken away are void as well.
  await until('erased', async () => (await eraseMe((await logIn(leaver)).body.access_token)).status === 204);
  assert.deepEqual(await told(leaver), both({}));
  assert.deepEqual(await told(colleague), both(colleague));
  // Under nothing but the data key: the wrapping key, which is still there, is of no use.
  const keys = `SELECT string_agg(coalesce(wrapping_key_of(coalesce(old_value, new_value)), 'data key'), ' ') FROM audit_logs WHERE subject_id = '${leaver.id}' AND action LIKE 'staff.%'`;
  assert.equal(await sql(keys), 'data key data key');
  assert.equal(await sql(`SELECT wrapped IS NULL FROM subject_keys WHERE user_id = '${leaver.id}'`), 't');
  const { code, stdout } = await run('audit', 'verify', '--json');
  assert.equal(code, 0, stdout);
});

test('the replies that were kept for repetitions go as well', async () => {
  const owner = await signUpOwner();
  const [leaver, colleague] = [await hire(owner), await hire(owner)];
  const kept = ({ id }) => sql(`SELECT count(*) FROM request_replies WHERE user_id = '${id}'`);
  for (const who of [leaver, colleague]) {
    const { status } = await request('POST', '/api/v1/restaurants/me/resume', { token: who.token, key: randomUUID(), body: {}, headers: anywhere() });
    assert.equal(status, 200);
    assert.equal(await kept(who), '1');
  }
  assert.equal((await eraseMe(leaver.token)).status, 204);
  assert.deepEqual([await kept(leaver), await kept(colleague)], ['0', '1']);
  assert.equal((await run('privacy', 'erase', '--user', colleague.id, '--yes')).code, 0); // as an administrator
  assert.equal(await kept(colleague), '0');
});

test('the last owner of a restaurant stays until it has another', async () => {
  const owner = await signUpOwner();
  const { status, body } = await eraseMe(owner.access_token);
  assert.deepEqual([status, body.code], [409, 'LAST_OWNER']);
});

test('of two owners who leave at once one stays', async () => {
  const [owner, other] = [await signUpOwner(), await signUp()];
  const [place] = owner.user.restaurant_ids;
  await sql(`UPDATE users SET role = 'owner' WHERE id = '${other.user.id}'; INSERT INTO memberships (user_id, restaurant_id) VALUES ('${other.user.id}', '${place}')`);
  const leave = `SELECT FROM restaurants WHERE id = '${place}' FOR NO KEY UPDATE; DELETE FROM users WHERE id = '${other.user.id}'`;
  const { status, body } = await meet(leave, () => eraseMe(owner.access_token));
  assert.deepEqual([status, body.code], [409, 'LAST_OWNER']);
});

test('an order that another device places meanwhile is not overlooked, and nobody waits in a circle', async () => {
  const { access_token: token, user } = await signUp();
  await place(token); // from now on the key is known
  const signsIn = await hold(`SELECT FROM users WHERE id = '${user.id}' FOR NO KEY UPDATE`);
  const erased = eraseMe(token);
  await until('the erasure waits for the account', signsIn.isMet);
  // Who lets staff go has the account, too, and wants the key next.
  await sql(`SELECT FROM subject_keys WHERE user_id = '${user.id}' FOR UPDATE NOWAIT`);
  const order = await place(token, { end: false });
  await signsIn.release();
  const { status, body } = await erased;
  assert.deepEqual([status, body.code], [409, 'ORDER_UNDER_WAY']);
  assert.deepEqual((await read(order)).customer, customer);
  await finish(order);
  assert.equal((await eraseMe(token)).status, 204);
  assert.equal(await left(order), '0');
});

test('who was never here has nothing to erase, and only people can be erased', async () => {
  const { token } = await mintCustomer();
  assert.equal((await eraseMe(token)).status, 404);
  assert.equal((await eraseMe(undefined)).status, 401);
});

test("a guest's order is erased by itself", async () => {
  const [order, other] = [await place(), await place()];
  const refused = await run('privacy', 'erase', '--order', order);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--yes/);
  assert.equal((await run('privacy', 'erase', '--order', order, '--yes')).stdout, 'erased: 1 order\n');
  assert.equal(await left(order), '0');
  assert.deepEqual((await read(order)).customer, GONE);
  assert.deepEqual((await read(other)).customer, customer);
  assert.equal((await run('privacy', 'erase', '--order', order, '--yes')).stdout, 'erased: 0 orders\n');
  assert.equal((await run('privacy', 'erase', '--order', randomUUID(), '--yes')).code, 1);
});

test('an administrator erases a person; a column that cannot be read is no obstacle', async () => {
  const { id, token } = await mintCustomer();
  const order = await place(token);
  await sql(`UPDATE orders SET customer_name = '\\x0203' WHERE id = '${order}'`);
  assert.equal((await run('privacy', 'erase', '--user', id, '--yes')).stdout, 'erased: 1 order\n');
  assert.equal(await left(order), '0');
  assert.deepEqual(JSON.parse((await run('privacy', 'record', '--order', order)).stdout).customer, { ...customer, name: null });
});

test('erasing waits for nobody, while the same orders move', async () => {
  const { token } = await mintCustomer();
  const orders = await Promise.all(Array.from({ length: 10 }, () => place(token, { end: false })));
  const moving = Promise.all(orders.map((order) => finish(order)));
  const outcome = await until('erased', async () => {
    const reply = await eraseMe(token);
    assert.ok([204, 409, 503].includes(reply.status), `${reply.status}`);
    return reply.status === 204 && reply;
  });
  assert.equal(outcome.status, 204);
  await moving;
  for (const order of orders) assert.equal(await left(order), '0');
});

test('records end when their time is over', async () => {
  const order = await place();
  await run('privacy', 'erase', '--order', order, '--yes');
  await sql(`UPDATE statutory_records SET keep_until = now() - interval '1 second' WHERE order_id = '${order}'`);
  assert.match((await run('privacy', 'purge')).stdout, /^ended: [1-9]\d* records?\n$/);
  assert.equal((await run('privacy', 'record', '--order', order)).code, 1);
});

test('a command line that makes no sense is refused', async () => {
  for (const args of [[], ['erase'], ['erase', '--user', 'x', '--yes'], ['purge', '--order', randomUUID()], ['record'], ['record', '--nothing']])
    assert.equal((await run('privacy', ...args)).code, 2, args.join(' '));
  assert.equal((await run('privacy', '--help')).code, 0);
});
