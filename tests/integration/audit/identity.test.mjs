/** What is on record of who may do what: roles, passwords, second factors, sessions, revocations. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import path from 'node:path';
import { promisify } from 'node:util';
import { logIn, PASSWORD, post, signUp, signUpOwner, totp } from '../api/people.mjs';
import { env, mintToken, request, sql } from '../api/stack.mjs';

const run = promisify(execFile);
const users = (...args) => run(path.join(env.BIN_DIR, 'ordersync-api'), ['users', ...args], { env });
const NEW_PASSWORD = 'CANARY another horse battery';

/** Which values each row about the subject has: `<action> <old>-><new>`, oldest first. */
async function valuesOf(subject, actions) {
  const has = (column) => `CASE WHEN ${column} IS NULL THEN 'none' ELSE 'some' END`;
  const rows = await sql(`SELECT action || ' ' || ${has('old_value')} || '->' || ${has('new_value')} FROM audit_logs WHERE subject_id = '${subject}' AND action LIKE '${actions}' ORDER BY at, number`);
  return rows.split('\n');
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
  assert.deepEqual(await valuesOf(who.user.id, 'user.%'), [
    'user.created none->some',
    'user.role_changed some->some',
    'user.revoked none->some',
    'user.disabled some->some',
    'user.revoked some->some',
    'user.enabled some->some',
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
  assert.deepEqual(await valuesOf(who.user.id, 'user.%'), [
    'user.created none->some',
    'user.password_changed none->some',
    'user.two_factor_enabled some->some',
    'user.two_factor_disabled some->some',
  ]);
  assert.deepEqual(await valuesOf(other.session_id, 'session.%'), ['session.ended some->some']);
});

test('a session that is revoked again is on record with the moment before', async () => {
  const [who, admin] = [await signUp(), await mintToken('admin')];
  for (const reason of ['first', 'second'])
    assert.equal((await request('POST', '/api/v1/auth/revocations', { token: admin, body: { session_id: who.session_id, reason } })).status, 201);
  assert.deepEqual(await valuesOf(who.session_id, 'session.%'), ['session.revoked none->some', 'session.revoked some->some']);
});
