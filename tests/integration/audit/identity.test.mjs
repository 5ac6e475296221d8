/** What is on record of who may do what (roles, passwords, second factors, sessions, revocations), and who reads it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import path from 'node:path';
import { promisify } from 'node:util';
import { claimsOf, logIn, PASSWORD, post, signUp, signUpOwner, totp } from '../api/people.mjs';
import { env, mintToken, request, sql } from '../api/stack.mjs';
import { as } from '../roles.mjs';

const run = promisify(execFile);
const users = (...args) => run(path.join(env.BIN_DIR, 'ordersync-api'), ['users', ...args], { env });
const NEW_PASSWORD = 'CANARY another horse battery';

const AUDIT = '/api/v1/audit';

/** What an administrator reads of a subject that is no restaurant's, oldest first: action, old and new value. */
async function recordOf(subject, wanted) {
  const { status, body } = await request('GET', `${AUDIT}?platform=true&limit=200&subject_id=${subject}`, { token: await mintToken('admin') });
  assert.equal(status, 200);
  const text = JSON.stringify(body);
  for (const secret of ['CANARY', '$y$', '$2b$', 'osr1.']) assert.ok(!text.includes(secret), secret);
  return body.entries.toReversed().filter(({ action }) => action.startsWith(wanted)).map(({ action, old, new: made }) => [action, old, made]);
}

test('a restaurant that signs up is on record with what it said', async () => {
  const owner = await signUpOwner();
  const { body } = await request('GET', '/api/v1/audit?action=restaurant.created', { token: owner.access_token });
  const [{ old, new: made, actor_id: actor }] = body.entries;
  assert.deepEqual([old, made, actor], [null, { name: 'Test', currency: 'KRW', time_zone: 'Asia/Seoul' }, owner.user.id]);
});

test('another role, and being disabled, are on record with what was before', async () => {
  const [who, owner] = [await signUp(), await signUpOwner()];
  const [restaurant] = owner.user.restaurant_ids;
  await users('set-role', '--email', who.email, '--role', 'staff', '--restaurant', restaurant);
  await users('disable', '--email', who.email);
  await users('enable', '--email', who.email);
  const record = await recordOf(who.user.id, 'user.');
  const [first, second] = record.filter(([action]) => action === 'user.revoked').map(([, , made]) => made);
  assert.deepEqual(Object.keys(first), ['revoked_at']);
  const [customer, staff] = [{ role: 'customer', restaurant_ids: [] }, { role: 'staff', restaurant_ids: [restaurant] }];
  assert.deepEqual(record, [
    ['user.created', null, customer],
    ['user.role_changed', customer, staff],
    ['user.revoked', null, first],
    ['user.disabled', { disabled: false }, { disabled: true }],
    ['user.revoked', first, second],
    ['user.enabled', { disabled: true }, { disabled: false }],
  ]);
});

test('passwords, second factors and ended sessions are on record with values, and without a secret', async () => {
  const who = await signUp();
  const { body: other } = await logIn(who);
  const token = who.access_token;
  assert.equal((await post('/api/v1/auth/password', { password: PASSWORD, new_password: NEW_PASSWORD }, { token })).status, 204);
  const { body: offer } = await post('/api/v1/auth/totp', { password: NEW_PASSWORD }, { token });
  const { body: factors } = await post('/api/v1/auth/totp/confirm', { totp: totp(offer.secret) }, { token });
  assert.equal((await post('/api/v1/auth/totp/disable', { password: NEW_PASSWORD, recovery_code: factors.recovery_codes[0] }, { token })).status, 204);
  assert.deepEqual(await recordOf(who.user.id, 'user.'), [
    ['user.created', null, { role: 'customer', restaurant_ids: [] }],
    ['user.password_changed', null, { sessions_ended: 1 }],
    ['user.two_factor_enabled', { two_factor: false }, { two_factor: true }],
    ['user.two_factor_disabled', { two_factor: true }, { two_factor: false }],
  ]);
  const [[action, old, made]] = await recordOf(other.session_id, 'session.');
  assert.deepEqual([action, old.user_id, made.ended_for], ['session.ended', who.user.id, 'password changed']);
  assert.ok(made.ended_at >= old.last_seen_at && old.last_seen_at >= old.created_at);
});

test('a session that is revoked again is on record with the moment before, and without what was written about somebody', async () => {
  const [who, admin] = [await signUp(), await mintToken('admin')];
  const revoke = async (reason) => (await request('POST', '/api/v1/auth/revocations', { token: admin, body: { session_id: who.session_id, reason } })).body.revoked_at;
  const values = [];
  for (const reason of ['first', 'second']) values.push({ revoked_at: await revoke(reason) });
  assert.deepEqual(await recordOf(who.session_id, 'session.'), [
    ['session.revoked', null, values[0]],
    ['session.revoked', values[0], values[1]],
  ]);
});

test('what is no restaurant’s an administrator pages through, and each look is on record', async () => {
  const [who, admin] = [await signUp(), await mintToken('admin')];
  const list = async (query) => (await request('GET', `${AUDIT}?platform=true${query}`, { token: admin })).body;
  await logIn(who);
  const [login] = (await list(`&action=auth.login&actor_id=${who.user.id}`)).entries;
  assert.deepEqual([login.subject_id, login.actor_role], [who.user.id, 'customer']);
  const first = await list('&limit=3');
  const second = await list(`&limit=3&after=${first.next}`);
  const ids = [...first.entries, ...second.entries].map(({ id }) => id);
  assert.equal(new Set(ids).size, 6);
  const [look] = (await list(`&action=audit.read&actor_id=${claimsOf(admin).sub}`)).entries;
  assert.deepEqual([look.subject_id, look.new.limit], ['00000000-0000-0000-0000-000000000000', 3]);
  const looks = await list('&action=audit.read&limit=2');
  assert.ok(looks.entries.every(({ action }) => action === 'audit.read'));
  const earlier = await list(`&action=audit.read&limit=2&after=${looks.next}`);
  assert.equal(new Set([...looks.entries, ...earlier.entries].map(({ id }) => id)).size, 4);
  const own = await list(`&actor_id=${who.user.id}`);
  assert.ok(own.entries.length > 1 && own.entries.every(({ actor_id }) => actor_id === who.user.id));
  assert.ok(own.entries.some(({ id }) => id === login.id));
});

test('what is no restaurant’s nobody else reads, and nothing of a restaurant is among it', async () => {
  const [who, owner, admin] = [await signUp(), await signUpOwner(), await mintToken('admin')];
  const [restaurant] = owner.user.restaurant_ids;
  const ask = (query, token) => request('GET', `${AUDIT}?${query}`, { token });
  for (const token of [who.access_token, owner.access_token]) {
    const { status, body } = await ask('platform=true', token);
    assert.deepEqual([status, body.code], [403, 'INSUFFICIENT_PERMISSION']);
  }
  assert.deepEqual((await ask(`subject_id=${who.user.id}`, owner.access_token)).body.entries, []);
  assert.deepEqual((await ask(`platform=true&subject_id=${restaurant}`, admin)).body.entries, []);
  for (const [query, named] of [[`platform=true&restaurant_id=${restaurant}`, 'platform'], ['platform=yes', 'platform']]) {
    const { status, body } = await ask(query, admin);
    assert.equal(status, 400);
    assert.match(body.detail, new RegExp(`'${named}'`));
  }
});

test('row security lets what is no restaurant’s through to an administrator’s scope alone', async () => {
  const who = await signUp();
  const [restaurant] = (await signUpOwner()).user.restaurant_ids;
  const seen = (role, more = '') => sql(`BEGIN; SET LOCAL app.actor_role = '${role}'; ${more} SELECT count(*) FROM audit_logs WHERE subject_id IN ('${who.user.id}', '${restaurant}'); COMMIT`, as('api', env.DATABASE_URL, env));
  for (const role of ['', 'guest', 'customer', 'staff', 'owner', 'system', 'operator']) assert.equal(await seen(role, `SET LOCAL app.user_id = '${who.user.id}';`), '0', role);
  assert.ok(Number(await seen('admin')) > 0);
  assert.equal(await seen('admin', `SET LOCAL app.restaurants = '{}';`), await sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${who.user.id}'`));
});
