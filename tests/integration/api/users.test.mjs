/** Accounts from the command line, a queue of passwords that is full, and hashes that change their method. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { assertNotOver } from '../endings.mjs';
import { PROGRAM, start } from './own.mjs';
import { DEMO, env, makeRestaurant, newOrder, request, sql } from './stack.mjs';
import { PASSWORD, anywhere, logIn, newEmail, signUp } from './people.mjs';

/** {status, stdout, stderr} of `ordersync-api users ...`, with a line on standard input. */
async function users(args, input = '') {
  const child = spawn(PROGRAM, ['users', ...args], { env });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (texts[name] += text));
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(input);
  const [status] = await once(child, 'close');
  return { status, ...texts };
}

const create = (email, ...more) => users(['create', '--email', email, '--name', 'CANARY Kim', ...more], `${PASSWORD}\n`);

async function answered(token, status) {
  for (;;) {
    assertNotOver();
    if ((await request('GET', '/api/v1/auth/me', { token })).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('an admin is made with a password from standard input, and signs in', async () => {
  const email = newEmail();
  const { status, stdout, stderr } = await create(email, '--role', 'admin');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^[0-9a-f-]{36}\n$/);
  const { body } = await logIn({ email, password: PASSWORD });
  assert.deepEqual([body.user.id, body.user.role], [stdout.trim(), 'admin']);
  assert.equal((await create(email, '--role', 'admin')).status, 1); // it is taken
});

test('another role ends what was before, and its tokens say so', { timeout: 30_000 }, async () => {
  const email = newEmail();
  await create(email, '--role', 'staff', '--restaurant', DEMO);
  const { body: before } = await logIn({ email, password: PASSWORD });
  assert.deepEqual(before.user.restaurant_ids, [DEMO]);
  assert.equal((await users(['set-role', '--email', email, '--role', 'customer'])).status, 0);
  await answered(before.access_token, 401);
  const { body: after } = await logIn({ email, password: PASSWORD });
  assert.deepEqual([after.user.role, after.user.restaurant_ids], ['customer', []]);
});

test('who is disabled is out at once, and who is enabled comes back', { timeout: 30_000 }, async () => {
  const who = await signUp();
  assert.equal((await users(['disable', '--email', who.email])).status, 0);
  await answered(who.access_token, 401);
  assert.equal((await logIn(who)).status, 401);
  assert.equal((await users(['enable', '--email', who.email.toUpperCase()])).status, 0);
  assert.equal((await logIn(who)).status, 200);
  const actions = await sql(`SELECT string_agg(action || ' by ' || actor_role, ', ' ORDER BY at) FROM audit_logs WHERE subject_id = '${who.user.id}' AND action ~ 'abled'`);
  assert.equal(actions, 'user.disabled by operator, user.enabled by operator');
});

test('the list tells of each account', { timeout: 120_000 }, async () => {
  const who = await signUp();
  const { status, stdout } = await users(['list']);
  assert.equal(status, 0);
  assert.ok(stdout.split('\n').some((line) => line.includes(who.user.id) && line.includes('customer') && line.includes(who.email)));
});

test('the command refuses what it does not understand, and names it', async () => {
  const email = newEmail();
  for (const [args, input, named] of [
    [[], '', /Usage/],
    [['delete'], '', /Usage/],
    [['create', '--role', 'admin', '--name', 'Kim'], PASSWORD, /--email/],
    [['create', '--email', email, '--name', 'Kim'], PASSWORD, /--role/],
    [['create', '--email', email, '--role', 'admin'], PASSWORD, /--name/],
    [['create', '--email', 'kim', '--name', 'Kim', '--role', 'admin'], PASSWORD, /--email/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'root'], PASSWORD, /--role/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'staff'], PASSWORD, /--restaurant/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'admin', '--restaurant', DEMO], PASSWORD, /--restaurant/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'admin', '--password', PASSWORD], '', /--help/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'admin'], '', /no password/],
    [['create', '--email', email, '--name', 'Kim', '--role', 'admin'], 'short\n', /password/],
  ]) {
    const { status, stderr } = await users(args, input);
    assert.equal(status, 2, stderr);
    assert.match(stderr, named);
  }
  assert.equal((await users(['disable', '--email', email])).status, 1);
});

test('more sign-ins than the queue holds are told to come back, and orders do not notice', { timeout: 60_000 }, async () => {
  const api = await start('serve', { ORDERSYNC_PASSWORD_THREADS: '1', ORDERSYNC_PASSWORD_QUEUE: '1', ORDERSYNC_PASSWORD_HASH: 'bcrypt' });
  const at = `http://127.0.0.1:${api.port}`;
  const restaurant = await makeRestaurant();
  try {
    const flood = Array.from({ length: 20 }, () =>
      request('POST', '/api/v1/auth/login', { api: at, body: { email: newEmail(), password: PASSWORD }, headers: anywhere() }),
    );
    const order = await request('POST', '/api/v1/orders', { api: at, body: newOrder(restaurant.id, [[restaurant.dish, 1]]), key: randomUUID() });
    assert.equal(order.status, 201);
    const replies = await Promise.all(flood);
    const refused = replies.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0 && replies.some(({ status }) => status === 401), replies.map(({ status }) => status).join());
    for (const { body, headers } of refused) assert.deepEqual([body.code, headers.get('retry-after')], ['OVERLOADED', '1']);
  } finally {
    await api.stop();
  }
});

test('with another method a password is hashed anew when it is next right', { timeout: 60_000 }, async () => {
  const who = await signUp();
  const stored = () => sql(`SELECT password_hash FROM users WHERE id = '${who.user.id}'`);
  assert.match(await stored(), /:\$y\$/);
  const api = await start('serve', { ORDERSYNC_PASSWORD_HASH: 'bcrypt' });
  const logInThere = (password) =>
    request('POST', '/api/v1/auth/login', { api: `http://127.0.0.1:${api.port}`, body: { email: who.email, password }, headers: anywhere() });
  try {
    assert.equal((await logInThere('not the password')).status, 401);
    assert.match(await stored(), /:\$y\$/);
    assert.equal((await logInThere(who.password)).status, 200);
    assert.match(await stored(), /:\$2b\$12\$/);
    assert.equal((await logInThere(who.password)).status, 200);
  } finally {
    await api.stop();
  }
  assert.equal((await logIn(who)).status, 200);
  assert.match(await stored(), /:\$y\$/);
});
