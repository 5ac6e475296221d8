/** Who works in a restaurant: an owner takes people in and lets them go, with all that they were let into. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Hub } from '../hub/hub.mjs';
import { hold, meet } from './hold.mjs';
import { anywhere, logIn, newEmail, PASSWORD, signUp, signUpOwner } from './people.mjs';
import { mintToken, request, sql } from './stack.mjs';

const STAFF = '/api/v1/restaurants/me/staff';
const restaurantOf = (owner) => owner.user.restaurant_ids[0];
const send = (method, target, token, body) => request(method, target, { token, body, headers: anywhere() });
const person = (more = {}) => ({ email: newEmail(), name: 'CANARY 직원', password: PASSWORD, ...more });

async function take(owner, who = person()) {
  const reply = await send('POST', STAFF, owner.access_token, who);
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return { ...who, ...reply.body };
}

test('an owner takes somebody in, who signs in and works there', async () => {
  const owner = await signUpOwner();
  const staff = await take(owner);
  const { body: session } = await logIn(staff);
  assert.deepEqual([session.user.role, session.user.restaurant_ids], ['staff', [restaurantOf(owner)]]);
  assert.equal((await send('GET', '/api/v1/restaurants/me/orders', session.access_token)).status, 200);

  const { body } = await send('GET', STAFF, owner.access_token);
  assert.equal(body.restaurant_id, restaurantOf(owner));
  assert.deepEqual(body.staff.map(({ role, name, email }) => [role, name, email]), [
    ['owner', owner.user.name, owner.email],
    ['staff', staff.name, staff.email],
  ]);
  assert.equal((await send('GET', STAFF, session.access_token)).status, 403);
});

test('who is let go has lost tokens, session and socket at once, and it is on record', async () => {
  const owner = await signUpOwner();
  const staff = await take(owner);
  const { body: session } = await logIn(staff);
  const hub = await Hub.start();
  const socket = hub.connect(`/ws/restaurants/${restaurantOf(owner)}/orders`, { token: session.access_token });
  await socket.opened;
  socket.say({ type: 'resume', position: null });
  await socket.next('hello');
  await socket.next('caught_up');

  assert.equal((await send('DELETE', `${STAFF}/${staff.user_id}`, owner.access_token)).status, 204);
  assert.equal((await socket.closed).code, 4401);
  assert.equal((await send('GET', '/api/v1/restaurants/me/orders', session.access_token)).status, 401);
  assert.equal((await send('POST', '/api/v1/auth/refresh', undefined, { refresh_token: session.refresh_token })).status, 401);
  assert.deepEqual((await send('GET', STAFF, owner.access_token)).body.staff.map(({ role }) => role), ['owner']);
  const records = await sql(`SELECT string_agg(action, ' ' ORDER BY at) FROM audit_logs WHERE subject_id = '${staff.user_id}' AND action LIKE 'staff.%' AND restaurant_id = '${restaurantOf(owner)}'`);
  assert.equal(records, 'staff.added staff.removed');
  assert.equal((await send('DELETE', `${STAFF}/${staff.user_id}`, owner.access_token)).status, 404);
});

test('who is let go while signing in has lost that session, too', async () => {
  const owner = await signUpOwner();
  const staff = await take(owner);
  await logIn(staff);
  const signsIn = `SELECT FROM users WHERE id = '${staff.user_id}' FOR NO KEY UPDATE;
    INSERT INTO sessions (id, user_id, token_hash, rotated_at, address, expires_at)
    SELECT gen_random_uuid(), user_id, sha256(token_hash), rotated_at, address, expires_at FROM sessions WHERE user_id = '${staff.user_id}'`;
  const { status } = await meet(signsIn, () => send('DELETE', `${STAFF}/${staff.user_id}`, owner.access_token));
  assert.equal(status, 204);
  assert.equal(await sql(`SELECT count(*), count(ended_at) FROM sessions WHERE user_id = '${staff.user_id}'`), '2|2');
});

test('who is made an owner in the moment in which they are let go stays', async () => {
  const owner = await signUpOwner();
  const staff = await take(owner);
  const isMade = `UPDATE users SET role = 'owner' WHERE id = '${staff.user_id}'`;
  const { status, body } = await meet(isMade, () => send('DELETE', `${STAFF}/${staff.user_id}`, owner.access_token));
  assert.deepEqual([status, body.code], [409, 'OWNER_STAYS']);
  assert.equal((await send('GET', STAFF, owner.access_token)).body.staff.length, 2);
  assert.equal((await logIn(staff)).body.user.role, 'owner');
});

test('nobody is taken in whose address has an account, and nobody finds out whose it is', async () => {
  const [owner, customer] = [await signUpOwner(), await signUp()];
  const refused = await send('POST', STAFF, owner.access_token, person({ email: customer.email }));
  assert.deepEqual([refused.status, refused.body.code], [409, 'EMAIL_TAKEN']);
  assert.ok(!JSON.stringify(refused.body).includes('CANARY'));
  assert.equal((await send('GET', STAFF, owner.access_token)).body.staff.length, 1);
});

test('addresses are not tried out by way of staff, and who takes people in uses nothing up', async () => {
  const owner = await signUpOwner();
  const headers = anywhere();
  const add = (email, key) => request('POST', STAFF, { token: owner.access_token, body: person({ email }), key, headers });
  const [staff, key] = [newEmail(), newEmail()];
  for (let i = 0; i < 6; i++) assert.equal((await add(staff, key)).status, 201); // the first, and the same reply again
  for (let customers = 0; customers < 6; customers++) {
    assert.equal((await add(newEmail())).status, 201);
    const { email } = await signUp();
    for (let i = 0; i < 5; i++) assert.equal((await add(email)).body.code, 'EMAIL_TAKEN');
    const locked = await add(email);
    assert.deepEqual([locked.status, locked.body.code], [429, 'TOO_MANY_ATTEMPTS']);
    assert.ok(Number(locked.headers.get('retry-after')) >= 1);
  }
  assert.equal((await add(newEmail())).body.code, 'TOO_MANY_ATTEMPTS', 'thirty lock the client, whatever was asked for');
  assert.equal((await add(staff, key)).status, 201, 'the same reply again tells nothing');
});

test('what fails on our side is no attempt', async () => {
  const [owner, customer] = [await signUpOwner(), await signUp()];
  const headers = anywhere();
  const add = () => request('POST', STAFF, { token: owner.access_token, body: person({ email: customer.email }), headers });
  for (let i = 0; i < 4; i++) assert.equal((await add()).body.code, 'EMAIL_TAKEN');
  const inTheWay = await hold(`SELECT FROM restaurants WHERE id = '${restaurantOf(owner)}' FOR UPDATE`);
  assert.equal((await add()).body.code, 'DATABASE_UNAVAILABLE');
  await inTheWay.release();
  assert.equal((await add()).body.code, 'EMAIL_TAKEN', 'the fifth');
  assert.equal((await add()).body.code, 'TOO_MANY_ATTEMPTS');
});

test('an owner can neither leave nor see or let go another restaurant’s people', async () => {
  const [owner, other] = [await signUpOwner(), await signUpOwner()];
  const staff = await take(other);
  assert.deepEqual((await send('DELETE', `${STAFF}/${owner.user.id}`, owner.access_token)).body.code, 'OWNER_STAYS');
  for (const id of [staff.user_id, other.user.id, '01890000-0000-7000-8000-00000000dead'])
    assert.deepEqual((await send('DELETE', `${STAFF}/${id}`, owner.access_token)).body.code, 'STAFF_NOT_FOUND');
  assert.equal((await send('GET', `${STAFF}?restaurant_id=${restaurantOf(other)}`, owner.access_token)).status, 404);
  assert.equal((await send('GET', `${STAFF}?restaurant_id=${restaurantOf(other)}`, await mintToken('admin'))).body.staff.length, 2);
  assert.equal((await logIn(staff)).status, 200);
});

test('an administrator takes nobody into a restaurant that does not exist', async () => {
  const who = person();
  const { status, body } = await send('POST', `${STAFF}?restaurant_id=01890000-0000-7000-8000-00000000dead`, await mintToken('admin'), who);
  assert.deepEqual([status, body.code], [404, 'RESTAURANT_NOT_FOUND']);
  assert.equal((await logIn(who)).status, 401, 'and there is no account');
});

test('people that make no sense are refused by name', async () => {
  const owner = await signUpOwner();
  for (const [change, field] of [
    [{ email: 'nobody' }, 'email'],
    [{ email: undefined }, 'email'],
    [{ name: ' ' }, 'name'],
    [{ password: 'short' }, 'password'],
    [{ role: 'owner' }, 'role'],
  ]) {
    const { status, body } = await send('POST', STAFF, owner.access_token, person(change));
    assert.equal(status, 400, field);
    assert.match(body.detail, new RegExp(`'${field}'`));
  }
});
