/** Tokens that end before their time, over HTTP: who may end them, and what they are worth afterwards. */
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { assertNotOver } from '../endings.mjs';
import { logIn, post, signUp } from './people.mjs';
import { env, makeRestaurant, program, request, sql } from './stack.mjs';

const PATH = '/api/v1/auth/revocations';
const LIST = '/api/v1/restaurants/me/orders';
let admin, restaurant;

const mint = async (...args) => (await program('token', ...args))[0];
const mintStaff = (...args) => mint('--role', 'staff', '--restaurant', restaurant.id, ...args);

before(async () => {
  restaurant = await makeRestaurant();
  admin = await mint('--role', 'admin');
});

/** Waits until the token is answered so; the test's timeout bounds it. */
async function answered(token, status) {
  for (;;) {
    assertNotOver();
    const reply = await request('GET', LIST, { token });
    if (reply.status === status) return reply;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('an admin ends the tokens of a user, and it is on record', { timeout: 30_000 }, async () => {
  const user = randomUUID();
  const [token, other] = [await mintStaff('--subject', user), await mintStaff()];
  await answered(token, 200); // now it is remembered as good
  const { status, body } = await request('POST', PATH, { token: admin, body: { user_id: user, reason: ' Device lost ' } });
  assert.equal(status, 201);
  assert.deepEqual({ kind: body.kind, id: body.id }, { kind: 'user', id: user });
  const { body: problem } = await answered(token, 401);
  assert.match(problem.detail, /revoked/);
  await answered(other, 200);
  assert.equal(await sql(`SELECT kind, reason FROM revocations WHERE id = '${user}'`), 'user|Device lost');
  assert.equal(await sql(`SELECT action, actor_role FROM audit_logs WHERE subject_id = '${user}'`), 'user.revoked|admin');
});

test('the tokens of one session end, and no others', { timeout: 30_000 }, async () => {
  const [user, session] = [randomUUID(), randomUUID()];
  const [mine, theirs] = [await mintStaff('--subject', user, '--session', session), await mintStaff('--subject', user)];
  const { status } = await request('POST', PATH, { token: admin, body: { session_id: session } });
  assert.equal(status, 201);
  await answered(mine, 401);
  await answered(theirs, 200);
});

test('whoever is revoked cannot refresh, and may sign in again', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const refresh = (token) => post('/api/v1/auth/refresh', { refresh_token: token });
  assert.equal((await request('POST', PATH, { token: admin, body: { user_id: who.user.id } })).status, 201);
  const { status, body } = await refresh(who.refresh_token);
  assert.deepEqual([status, body.code], [401, 'SESSION_OVER']);
  assert.equal(await sql(`SELECT ended_for FROM sessions WHERE id = '${who.session_id}'`), 'revoked');
  const { body: again } = await logIn(who);
  assert.equal((await refresh(again.refresh_token)).status, 200);
});

test('of a revoked session nothing is refreshed or listed, of the others everything', { timeout: 30_000 }, async () => {
  const who = await signUp();
  const { body: other } = await logIn(who);
  const refresh = (token) => post('/api/v1/auth/refresh', { refresh_token: token });
  assert.equal((await request('POST', PATH, { token: admin, body: { session_id: who.session_id } })).status, 201);
  assert.equal((await refresh(who.refresh_token)).status, 401);
  const { body } = await request('GET', '/api/v1/auth/sessions', { token: other.access_token });
  assert.deepEqual(body.sessions.map(({ id }) => id), [other.session_id]);
  assert.equal((await refresh(other.refresh_token)).status, 200);
});

test('revoking again moves the moment on', async () => {
  const user = randomUUID();
  const body = { user_id: user };
  const first = await request('POST', PATH, { token: admin, body });
  const second = await request('POST', PATH, { token: admin, body });
  assert.ok(second.body.revoked_at >= first.body.revoked_at);
  assert.equal(await sql(`SELECT count(*) FROM revocations WHERE id = '${user}'`), '1');
  assert.equal(await sql(`SELECT count(*) FROM audit_logs WHERE subject_id = '${user}'`), '2');
});

for (const [what, body, named] of [
  ['nobody', {}, 'user_id'],
  ['both', { user_id: randomUUID(), session_id: randomUUID() }, 'session_id'],
  ['the nil UUID', { user_id: '00000000-0000-0000-0000-000000000000' }, 'nil'],
  ['a name for an id', { user_id: 'root' }, 'user_id'],
  ['a reason that is too long', { user_id: randomUUID(), reason: 'x'.repeat(201) }, 'reason'],
  ['a reason of two lines', { user_id: randomUUID(), reason: 'a\nb' }, 'reason'],
  ['an unknown field', { user_id: randomUUID(), until: 'tomorrow' }, 'until'],
])
  test(`${what} is refused, and the field is named`, async () => {
    const { status, body: problem } = await request('POST', PATH, { token: admin, body });
    assert.equal(status, 400);
    assert.match(problem.detail, new RegExp(named));
  });

test('only admins may', async () => {
  const body = { user_id: randomUUID() };
  assert.equal((await request('POST', PATH, { body })).status, 401);
  for (const role of ['staff', 'owner', 'customer']) {
    const token = await mint('--role', role, ...(role === 'customer' ? [] : ['--restaurant', restaurant.id]));
    const { status, body: problem } = await request('POST', PATH, { token, body });
    assert.equal(status, 403);
    assert.equal(problem.code, 'INSUFFICIENT_PERMISSION');
  }
});

/** {status, stdout, stderr} of the command. */
function revoke(args, settings = {}) {
  return new Promise((resolve) => {
    execFile(path.join(env.BIN_DIR, 'ordersync-api'), ['revoke', ...args], { env: { ...env, ...settings } }, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
  });
}

test('the command does it, too, also when Redis cannot tell anybody', { timeout: 30_000 }, async () => {
  const user = randomUUID();
  const token = await mintStaff('--subject', user);
  const { status, stdout, stderr } = await revoke(['--user', user, '--reason', 'Left the company'], { ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1/0' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
  assert.match(stderr, /not announced/);
  await answered(token, 401); // found in PostgreSQL
  assert.equal(await sql(`SELECT action, actor_role FROM audit_logs WHERE subject_id = '${user}'`), 'user.revoked|operator');
});

test('who is revoked by the command cannot refresh either', { timeout: 30_000 }, async () => {
  for (const target of [(who) => ['--user', who.user.id], (who) => ['--session', who.session_id]]) {
    const who = await signUp();
    const { status, stderr } = await revoke(target(who));
    assert.equal(status, 0, stderr);
    assert.equal((await post('/api/v1/auth/refresh', { refresh_token: who.refresh_token })).status, 401);
  }
});

test('the command refuses what it does not understand, and names it', async () => {
  for (const [args, named] of [
    [[], /--user or --session/],
    [['--user', 'root'], /--user/],
    [['--session', ''], /--session/],
    [['--user', randomUUID(), '--session', randomUUID()], /only one/],
    [['--user', randomUUID(), '--reason', ''], /--reason/],
    [['--user', randomUUID(), '--reason', 'x'.repeat(201)], /--reason/],
    [['--user', randomUUID(), 'now'], /now/],
    [['--everybody'], /--help/],
  ]) {
    const { status, stderr } = await revoke(args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, named);
  }
});
