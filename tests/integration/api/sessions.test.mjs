/** Sessions: what keeps somebody signed in, and everything that ends it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertNotOver } from '../endings.mjs';
import { request, sql } from './stack.mjs';
import { claimsOf, logIn, post, signUp } from './people.mjs';

const ME = '/api/v1/auth/me';
const SESSIONS = '/api/v1/auth/sessions';

const refresh = (token) => post('/api/v1/auth/refresh', { refresh_token: token });
const me = (token) => request('GET', ME, { token });

/** Waits until the token is answered so; the test's timeout bounds it. */
async function answered(token, status) {
  for (;;) {
    assertNotOver();
    if ((await me(token)).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The overlap for lost replies is over for this session. */
const letOverlapPass = (id) => sql(`UPDATE sessions SET rotated_at = rotated_at - interval '11 seconds' WHERE id = '${id}'`);

test('a refresh token gives new tokens of the same session', async () => {
  const who = await signUp();
  const { status, body } = await refresh(who.refresh_token);
  assert.equal(status, 200);
  assert.notEqual(body.refresh_token, who.refresh_token);
  assert.equal(body.session_id, who.session_id);
  assert.equal(claimsOf(body.access_token).sid, who.session_id);
  assert.equal((await me(body.access_token)).status, 200);
  assert.equal((await refresh(body.refresh_token)).status, 200);
});

test('what the tokens say is what holds now', async () => {
  const who = await signUp();
  await sql(`UPDATE users SET role = 'staff' WHERE id = '${who.user.id}'`);
  const { body } = await refresh(who.refresh_token);
  assert.equal(claimsOf(body.access_token).role, 'staff');
});

test('a reply that got lost is given again, for ten seconds', async () => {
  const who = await signUp();
  const replies = await Promise.all([1, 2, 3].map(() => refresh(who.refresh_token)));
  assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200]);
  assert.equal(new Set(replies.map(({ body }) => body.refresh_token)).size, 1);
  assert.equal((await refresh(replies[0].body.refresh_token)).status, 200);
});

test('a token whose user cannot be read is not spent', async () => {
  const who = await signUp();
  const name = await sql(`SELECT quote_literal(name) FROM users WHERE id = '${who.user.id}'`);
  await sql(`UPDATE users SET name = '\\x00' WHERE id = '${who.user.id}'`);
  assert.ok((await refresh(who.refresh_token)).status >= 500);
  await letOverlapPass(who.session_id);
  await sql(`UPDATE users SET name = ${name} WHERE id = '${who.user.id}'`);
  assert.equal((await refresh(who.refresh_token)).status, 200);
});

test('a spent token that comes back ends the session, for the thief and for the robbed', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const { body: second } = await refresh(who.refresh_token);
  await letOverlapPass(who.session_id);
  const { status, body } = await refresh(who.refresh_token);
  assert.deepEqual([status, body.code], [401, 'SESSION_OVER']);
  assert.equal((await refresh(second.refresh_token)).status, 401);
  await answered(second.access_token, 401);
  assert.equal(await sql(`SELECT ended_for FROM sessions WHERE id = '${who.session_id}'`), 'refresh token reused');
  assert.equal(await sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${who.user.id}' AND action = 'auth.token_reused'`), '1');
});

test('a token from before the last ends it, too, even within the ten seconds', async () => {
  const who = await signUp();
  const { body: second } = await refresh(who.refresh_token);
  const { body: third } = await refresh(second.refresh_token);
  assert.equal((await refresh(who.refresh_token)).status, 401);
  assert.equal((await refresh(third.refresh_token)).status, 401);
});

test('what is no token of ours is refused, and ends nothing', async () => {
  const who = await signUp();
  const [prefix, ids, secret] = who.refresh_token.split('.');
  const forged = [
    `${prefix}.${ids}.${'A'.repeat(secret.length)}`, // the right session, another secret
    `${prefix}.${'A'.repeat(ids.length)}.${secret}`,
    `osr2.${ids}.${secret}`,
    `${prefix}.${ids}.${secret}A`,
    `${prefix}.${ids}.${secret.slice(1)}`,
    `${prefix}.${ids} ${secret}`,
    who.access_token.slice(0, 96),
    'x',
  ];
  for (const token of forged) {
    const { status, body } = await refresh(token);
    assert.deepEqual([status, body.code], [401, 'SESSION_OVER'], token);
  }
  assert.equal((await refresh(who.refresh_token)).status, 200);
});

test('logging out ends the session and its access tokens, and no other session', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const { body: other } = await logIn(who);
  assert.equal((await post('/api/v1/auth/logout', undefined, { token: who.access_token })).status, 204);
  await answered(who.access_token, 401);
  assert.equal((await refresh(who.refresh_token)).status, 401);
  assert.equal((await me(other.access_token)).status, 200);
  assert.equal((await refresh(other.refresh_token)).status, 200);
});

test('sessions are listed, the last seen first, with device and address', async () => {
  const who = await signUp({ device: 'Phone' });
  const headers = { 'x-forwarded-for': '203.0.113.7' };
  const { body: tablet } = await logIn(who, { device: 'Kitchen tablet' }, { headers });
  const { status, body } = await request('GET', SESSIONS, { token: who.access_token });
  assert.equal(status, 200);
  assert.deepEqual(
    body.sessions.map(({ id, device, is_current: isCurrent }) => ({ id, device, isCurrent })),
    [
      { id: tablet.session_id, device: 'Kitchen tablet', isCurrent: false },
      { id: who.session_id, device: 'Phone', isCurrent: true },
    ],
  );
  assert.equal(body.sessions[0].address, '203.0.113.7');
});

test('one session is ended, and a stranger cannot end it', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const stranger = await signUp();
  const { body: other } = await logIn(who);
  const end = (id, token) => request('DELETE', `${SESSIONS}/${id}`, { token });
  assert.equal((await end(other.session_id, stranger.access_token)).status, 404);
  assert.equal((await end(other.session_id, who.access_token)).status, 204);
  assert.equal((await end(other.session_id, who.access_token)).status, 404);
  await answered(other.access_token, 401);
  assert.equal((await me(who.access_token)).status, 200);
});

test('all others are ended at once', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const others = [(await logIn(who)).body, (await logIn(who)).body];
  const { status, body } = await request('DELETE', SESSIONS, { token: who.access_token });
  assert.deepEqual([status, body], [200, { ended: 2 }]);
  for (const { access_token: token } of others) await answered(token, 401);
  assert.equal((await me(who.access_token)).status, 200);
});

test('another password ends all other sessions, and needs the present one', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const { body: other } = await logIn(who);
  const change = (body) => post('/api/v1/auth/password', body, { token: who.access_token });
  const wanted = 'CANARY another password';
  assert.equal((await change({ password: 'not the password', new_password: wanted })).status, 403);
  assert.equal((await change({ password: who.password, new_password: 'short' })).status, 400);
  assert.equal((await change({ password: who.password, new_password: who.email })).status, 400);
  assert.equal((await change({ password: who.password, new_password: wanted })).status, 204);
  await answered(other.access_token, 401);
  assert.equal((await me(who.access_token)).status, 200);
  assert.equal((await logIn(who)).status, 401);
  assert.equal((await logIn({ ...who, password: wanted })).status, 200);
});

test('of more than twenty sessions the one seen longest ago gives way', { timeout: 60_000 }, async () => {
  const who = await signUp();
  await sql(`INSERT INTO sessions (id, user_id, token_hash, rotated_at, address, last_seen_at, expires_at)
             SELECT gen_random_uuid(), '${who.user.id}', sha256(i::text::bytea), now(), '', now() - interval '1 hour', now() + interval '1 day'
               FROM generate_series(1, 19) AS i`);
  await sql(`UPDATE sessions SET last_seen_at = now() - interval '2 hours' WHERE id = '${who.session_id}'`);
  assert.equal((await logIn(who)).status, 200);
  await answered(who.access_token, 401);
  assert.equal(await sql(`SELECT count(*) FROM sessions WHERE user_id = '${who.user.id}' AND ended_at IS NULL`), '20');
});

test('an expired session is over', async () => {
  const who = await signUp();
  await sql(`UPDATE sessions SET expires_at = now() WHERE id = '${who.session_id}'`);
  assert.equal((await refresh(who.refresh_token)).status, 401);
});
