/** POSTs that are repeated: which of them take an Idempotency-Key, and what it does (of orders: orders.test.mjs, customers.test.mjs). */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { hold } from './hold.mjs';
import { until } from './own.mjs';
import { anywhere, newEmail, PASSWORD, signUp, signUpOwner } from './people.mjs';
import { mintToken, program, request, resolve, spec, sql } from './stack.mjs';

const ME = '/api/v1/restaurants/me';
const REVOCATIONS = '/api/v1/auth/revocations';

/** What only reads, and what is answered with tokens or secrets. */
const WITHOUT = [
  '/api/v1/restaurants/me/orders/search',
  '/api/v1/users',
  ...['signup', 'login', 'refresh', 'logout', 'password', 'totp', 'totp/confirm', 'totp/disable'].map((name) => `/api/v1/auth/${name}`),
];

test('which POSTs take a key, and no other', async () => {
  const takesKey = (template) => [...(spec.paths[template].parameters ?? []), ...(spec.paths[template].post.parameters ?? [])].some((parameter) => resolve(parameter).name === 'Idempotency-Key');
  const posts = Object.keys(spec.paths).filter((template) => spec.paths[template].post);
  assert.deepEqual(posts.filter((template) => !takesKey(template)).toSorted(), WITHOUT.toSorted());
  for (const template of posts.filter(takesKey))
    for (const status of ['409', '422']) assert.ok(spec.paths[template].post.responses[status], `${template} ${status}`);
});

// ---- the same for each: a target, two bodies, who may, who may too, and what stands in the way of it ----

let owner, restaurant, admin, otherAdmin;

before(async () => {
  [owner, admin, otherAdmin] = await Promise.all([signUpOwner(), mintToken('admin'), mintToken('admin')]);
  [restaurant] = owner.user.restaurant_ids;
});

const lockRestaurant = () => `SELECT FROM restaurants WHERE id = '${restaurant}' FOR UPDATE`;
const person = () => ({ email: newEmail(), name: 'CANARY 직원', password: PASSWORD });
const rowsAbout = (id, action) => sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${id}' AND action = '${action}'`);

const cases = {
  'somebody who is taken in': {
    target: `${ME}/staff`,
    body: person,
    inTheWay: lockRestaurant,
    count: () => sql(`SELECT count(*) FROM memberships WHERE restaurant_id = '${restaurant}'`),
  },
  'a pause': {
    target: `${ME}/pause`,
    body: () => ({ minutes: 30, reason: randomUUID() }),
    inTheWay: lockRestaurant,
    count: () => rowsAbout(restaurant, 'restaurant.paused'),
  },
  'a category': {
    target: `${ME}/menu/categories`,
    body: () => ({ name: randomUUID() }),
    inTheWay: () => `SELECT FROM restaurant_streams WHERE restaurant_id = '${restaurant}' FOR UPDATE`,
    count: () => sql(`SELECT count(*) FROM menus WHERE restaurant_id = '${restaurant}'`),
  },
  'a revocation': {
    target: REVOCATIONS,
    isForAdmins: true,
    body: () => ({ user_id: randomUUID(), reason: 'Device lost' }),
    inTheWay: ({ user_id: user }) => `INSERT INTO revocations (kind, id, revoked_at) VALUES ('user', '${user}', now())`,
    count: ({ user_id: user }) => rowsAbout(user, 'user.revoked'),
  },
};

for (const [name, { target, body, inTheWay, count, isForAdmins }] of Object.entries(cases)) {
  const post = (given, key, token) => request('POST', `${target}${isForAdmins ? '' : `?restaurant_id=${restaurant}`}`, { token, body: given, key, headers: anywhere() });
  const mine = () => (isForAdmins ? admin : owner.access_token);

  test(`${name} that is repeated with its key is the first one`, async () => {
    const [given, key] = [body(), randomUUID()];
    const none = Number(await count(given));
    const first = await post(given, key, mine());
    assert.ok(first.status < 300, JSON.stringify(first.body));
    const again = await post(given, key, mine());
    assert.deepEqual([again.status, again.body], [first.status, first.body]);
    assert.equal(Number(await count(given)), none + 1);
  });

  test(`${name}: the key of another body is refused`, async () => {
    const key = randomUUID();
    assert.ok((await post(body(), key, mine())).status < 300);
    const other = body();
    const none = await count(other);
    const { status, body: problem } = await post(other, key, mine());
    assert.deepEqual([status, problem.code], [422, 'IDEMPOTENCY_KEY_REUSED']);
    assert.equal(await count(other), none);
  });

  test(`${name}: while the first is under way its repetition is told so`, async () => {
    const [given, key] = [body(), randomUUID()];
    const held = await hold(inTheWay(given));
    const first = post(given, key, mine());
    await until('the first waits', held.isMet);
    const { status, body: problem, headers } = await post(given, key, mine());
    assert.deepEqual([status, problem.code, headers.get('retry-after')], [409, 'REQUEST_IN_PROGRESS', '1']);
    await held.release();
    const done = await first;
    assert.ok(done.status < 300);
    assert.deepEqual((await post(given, key, mine())).body, done.body);
  });

  test(`${name}: nobody meets the reply of another, who has the same key`, async () => {
    const [given, key] = [body(), randomUUID()];
    const first = await post(given, key, mine());
    const reply = await post(isForAdmins ? given : body(), key, otherAdmin);
    assert.ok(reply.status < 300, 'it is no repetition');
    assert.notDeepEqual(reply.body, first.body);
  });
}

test('who is refused has had no effect, and may try again with the same key', async () => {
  const [given, key, { email }] = [person(), randomUUID(), await signUp()];
  const add = (more) => request('POST', `${ME}/staff`, { token: owner.access_token, body: { ...given, ...more }, key, headers: anywhere() });
  assert.equal((await add({ email })).body.code, 'EMAIL_TAKEN');
  assert.equal((await add({})).status, 201);
});

test('nothing is kept of what is said to who signs in', async () => {
  const kept = (user) => sql(`SELECT count(*) FROM request_replies WHERE user_id = '${user}'`);
  const who = await signUp();
  const send = (path, body, token) => request('POST', path, { body, token, key: 'sign-in', headers: anywhere() });
  const first = await send('/api/v1/auth/login', { email: who.email, password: PASSWORD });
  const second = await send('/api/v1/auth/login', { email: who.email, password: PASSWORD });
  assert.notEqual(first.body.refresh_token, second.body.refresh_token);
  assert.equal((await send('/api/v1/auth/refresh', { refresh_token: first.body.refresh_token })).status, 200);
  assert.equal((await send('/api/v1/auth/totp', { password: PASSWORD }, second.body.access_token)).status, 201);
  assert.equal((await send('/api/v1/auth/logout', undefined, second.body.access_token)).status, 204);
  assert.equal(await kept(who.user.id), '0');
});
