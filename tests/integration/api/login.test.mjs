/** Signing up and in, over HTTP: who gets tokens, what they say, and what nobody is told. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { until } from './own.mjs';
import { DEMO, request, sql } from './stack.mjs';
import { hold, meet } from './hold.mjs';
import { PASSWORD, anywhere, claimsOf, logIn, newEmail, post, signUp, signUpOwner, totp } from './people.mjs';

const ME = '/api/v1/auth/me';

test('a customer signs up and is signed in', async () => {
  const who = await signUp({ device: ' My phone ' });
  assert.equal(who.token_type, 'Bearer');
  assert.equal(who.expires_in, 900);
  const claims = claimsOf(who.access_token);
  assert.equal(claims.exp - claims.iat, 900);
  assert.equal(claims.role, 'customer');
  assert.equal(claims.sub, who.user.id);
  assert.equal(claims.sid, who.session_id);
  assert.ok(claims.permissions.includes('account:manage'));
  const { status, body } = await request('GET', ME, { token: who.access_token });
  assert.equal(status, 200);
  assert.deepEqual(body.user, { id: who.user.id, role: 'customer', email: who.email, name: 'CANARY 손님', two_factor: false, restaurant_ids: [] });
  assert.deepEqual(body.permissions, claims.permissions);
});

test('an owner signs up with a restaurant, and may manage it at once', async () => {
  const who = await signUpOwner();
  const [restaurant] = who.user.restaurant_ids;
  assert.deepEqual(claimsOf(who.access_token).restaurant_ids, [restaurant]);
  assert.equal((await request('GET', '/api/v1/restaurants/me/settings', { token: who.access_token })).status, 200);
  const foreign = await request('GET', `/api/v1/restaurants/me/settings?restaurant_id=${DEMO}`, { token: who.access_token });
  assert.equal(foreign.status, 404);
  assert.equal(await sql(`SELECT action FROM audit_logs WHERE subject_id = '${restaurant}'`), 'restaurant.created');
});

test('an address that is taken, however it is written, is not taken twice', async () => {
  const who = await signUp();
  const reply = await post('/api/v1/users', { email: ` ${who.email.toUpperCase()} `, password: PASSWORD, name: 'Other' });
  assert.equal(reply.status, 409);
  assert.equal(reply.body.code, 'EMAIL_TAKEN');
});

test('two who sign up with one address at once do not both get it', async () => {
  const email = newEmail();
  const replies = await Promise.all([1, 2, 3].map(() => post('/api/v1/users', { email, password: PASSWORD, name: 'Twin' })));
  assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409, 409]);
});

test('nothing that is personal stands in the tables as it is', async () => {
  const who = await signUp({ device: 'CANARY phone' });
  const row = await sql(`SELECT u.*, s.*, e.* FROM users u JOIN sessions s ON s.user_id = u.id JOIN user_emails e ON e.user_id = u.id WHERE u.id = '${who.user.id}'`);
  const hex = (text) => Buffer.from(text).toString('hex');
  for (const secret of [who.email, 'CANARY', who.password, who.refresh_token, '2001:db8:'])
    assert.ok(!row.includes(secret) && !row.includes(hex(secret)), `${secret} is there`);
});

test('the password signs in, written composed or decomposed, and no other does', async () => {
  const who = await signUp({ password: 'Crème brûlée 한국' });
  for (const form of ['NFC', 'NFD']) assert.equal((await logIn({ ...who, password: 'Crème brûlée 한국'.normalize(form) })).status, 200);
  assert.equal((await logIn({ ...who, password: 'Crème brulée 한국' })).status, 401);
});

test('passwords that differ behind their 72nd byte are two', async () => {
  const long = 'x'.repeat(80);
  const who = await signUp({ password: `${long}a` });
  assert.equal((await logIn({ ...who, password: `${long}a` })).status, 200);
  assert.equal((await logIn({ ...who, password: `${long}b` })).status, 401);
});

test('an unknown address and a wrong password are answered alike', async () => {
  const who = await signUp();
  const wrong = await logIn({ ...who, password: 'not the password' });
  const unknown = await logIn({ email: newEmail(), password: 'not the password' });
  for (const { status, body } of [wrong, unknown]) assert.deepEqual([status, body.code], [401, 'INVALID_CREDENTIALS']);
  const { request_id: a, ...first } = wrong.body;
  const { request_id: b, ...second } = unknown.body;
  assert.ok(a && b);
  assert.deepEqual(first, second);
});

test('five failures lock an account, known or not, and only the right time opens it again', async () => {
  const who = await signUp();
  for (const email of [who.email, newEmail()]) {
    for (let i = 0; i < 5; i++) assert.equal((await logIn({ email, password: 'not the password' })).status, 401);
    const locked = await logIn({ email, password: who.password });
    assert.equal(locked.status, 429);
    assert.equal(locked.body.code, 'TOO_MANY_ATTEMPTS');
    const wait = Number(locked.headers.get('retry-after'));
    assert.ok(wait >= 1 && wait <= 15, `${wait} s`);
  }
  await sql(`UPDATE login_attempts SET locked_until = now() WHERE locked_until > now() AND failures = 5`);
  assert.equal((await logIn(who)).status, 200);
  assert.equal((await logIn({ ...who, password: 'not the password' })).status, 401); // the count began anew
});

test('each failure behind the fifth doubles the wait', async () => {
  const email = newEmail();
  const waits = [];
  while (waits.length < 3) {
    const { status, headers } = await logIn({ email, password: 'not the password' });
    if (status !== 429) continue;
    waits.push(Number(headers.get('retry-after')));
    await sql(`UPDATE login_attempts SET locked_until = now() WHERE locked_until > now() AND failures < 20`);
  }
  for (const [i, most] of [15, 30, 60].entries()) assert.ok(waits[i] > most / 2 && waits[i] <= most, `${waits}`);
});

test('parallel guesses are counted before they are made', async () => {
  const email = newEmail();
  const replies = await Promise.all(Array.from({ length: 20 }, () => logIn({ email, password: 'not the password' })));
  const tried = replies.filter(({ status }) => status === 401).length;
  assert.ok(tried <= 5, `${tried} were tried`);
});

test('thirty failures lock an address, whatever accounts it tries', async () => {
  const headers = anywhere();
  const statuses = new Set();
  for (let i = 0; i < 31; i++) statuses.add((await logIn({ email: newEmail(), password: 'not the password' }, {}, { headers })).status);
  assert.ok(statuses.has(429));
  const who = await signUp();
  assert.equal((await logIn(who, {}, { headers })).status, 429);
  const neighbour = { 'x-forwarded-for': headers['x-forwarded-for'].replace(/::.*/, '::1') };
  assert.equal((await logIn(who, {}, { headers: neighbour })).status, 429, 'an IPv6 /64 is one address');
  assert.equal((await logIn(who)).status, 200);
});

test('clients of IPv4 are told apart, also where their addresses are written as those of IPv6', async () => {
  const from = (address) => ({ headers: { 'x-forwarded-for': address } });
  const [own, other] = [randomBytes(4), randomBytes(4)].map((bytes) => [...bytes].join('.'));
  for (let i = 0; i < 30; i++) await logIn({ email: newEmail(), password: 'not the password' }, {}, from(`::ffff:${own}`));
  const who = await signUp();
  for (const address of [`::ffff:${own}`, own]) assert.equal((await logIn(who, {}, from(address))).status, 429);
  assert.equal((await logIn(who, {}, from(`::ffff:${other}`))).status, 200);
});

test('what an account refuses does not count against the address', async () => {
  const headers = anywhere();
  const email = newEmail();
  for (let i = 0; i < 5; i++) await logIn({ email, password: 'not the password' });
  await sql(`UPDATE login_attempts SET locked_until = now() + interval '5 minutes' WHERE locked_until > now() AND failures = 5`);
  for (let i = 0; i < 31; i++) assert.equal((await logIn({ email, password: 'not the password' }, {}, { headers })).status, 429);
  assert.equal((await logIn(await signUp(), {}, { headers })).status, 200);
});

test('what an address is refused does not count against the account', async () => {
  const headers = anywhere();
  const who = await signUp();
  for (let i = 0; i < 30; i++) await logIn({ email: newEmail(), password: 'not the password' }, {}, { headers });
  await sql(`UPDATE login_attempts SET locked_until = now() + interval '5 minutes' WHERE locked_until > now() AND failures = 30`);
  for (let i = 0; i < 6; i++) assert.equal((await logIn(who, {}, { headers })).status, 429);
  assert.equal((await logIn(who)).status, 200);
});

test('attempts are given back in the order in which they are counted, so that nobody waits in a circle', async () => {
  const [low, high] = ['00', 'ff'].map((byte) => `'\\x${byte.repeat(16)}${randomBytes(16).toString('hex')}'`);
  await sql(`INSERT INTO login_attempts (key, failures, last_at) VALUES (${low}, 1, now()), (${high}, 1, now())`);
  const statement = readFileSync(new URL('../../../api/auth/return_attempt.sql', import.meta.url), 'utf8').replace(/--.*$/gm, '');
  const values = { $1: low, $2: high, $3: 'true' };
  const held = await hold(`SELECT FROM login_attempts WHERE key = ${low} FOR UPDATE`);
  const returned = sql(statement.replace(/\$\d/g, (name) => values[name]));
  await until('it waits for the first', held.isMet);
  await sql(`SELECT FROM login_attempts WHERE key = ${high} FOR UPDATE NOWAIT`); // which it does not have before the first
  await held.release();
  await returned;
  assert.equal(await sql(`SELECT failures FROM login_attempts WHERE key IN (${low}, ${high})`), '0');
});

test('who is disabled does not get in', async () => {
  const who = await signUp();
  await sql(`UPDATE users SET disabled_at = now() WHERE id = '${who.user.id}'`);
  const { status, body } = await logIn(who);
  assert.deepEqual([status, body.code], [401, 'INVALID_CREDENTIALS']);
});

for (const [what, change] of [
  ['changed its password', `password_hash = 'x'`],
  ['was disabled', 'disabled_at = now()'],
])
  test(`an account that ${what} while somebody signs in lets nobody in`, async () => {
    const who = await signUp();
    const { status, body } = await meet(`UPDATE users SET ${change} WHERE id = '${who.user.id}'`, () => logIn(who));
    assert.deepEqual([status, body.code], [401, 'INVALID_CREDENTIALS']);
    assert.equal(await sql(`SELECT count(*) FROM sessions WHERE user_id = '${who.user.id}'`), '1'); // that of signing up
  });

test('who signs in has the role of now', async () => {
  const who = await signUp();
  const { body } = await meet(`UPDATE users SET role = 'staff' WHERE id = '${who.user.id}'`, () => logIn(who));
  assert.equal(claimsOf(body.access_token).role, 'staff');
});

test('a password that somebody else changed meanwhile is not changed back', async () => {
  const who = await signUp();
  const change = () => post('/api/v1/auth/password', { password: who.password, new_password: 'CANARY another one' }, { token: who.access_token });
  const { status, body } = await meet(`UPDATE users SET password_hash = 'x' WHERE id = '${who.user.id}'`, change);
  assert.deepEqual([status, body.code], [403, 'WRONG_PASSWORD']);
  assert.equal(await sql(`SELECT password_hash FROM users WHERE id = '${who.user.id}'`), 'x');
});

test('sign-ins and failures are on record', async () => {
  const who = await signUp();
  await logIn(who);
  await logIn({ ...who, password: 'not the password' });
  assert.equal(
    await sql(`SELECT string_agg(action || ' by ' || actor_role, ', ' ORDER BY at) FROM audit_logs WHERE subject_id = '${who.user.id}'`),
    'user.created by customer, auth.login by customer, auth.password_refused by guest',
  );
});

for (const [what, body, named] of [
  ['no password', { password: undefined }, 'password'],
  ['a short password', { password: 'a'.repeat(9) }, 'password'],
  ['the address for a password', { email: 'somebody@example.com', password: 'Somebody@example.com' }, 'password'],
  ['no address', { email: 'example.com' }, 'email'],
  ['two addresses', { email: 'a@b@example.com' }, 'email'],
  ['an address without a domain', { email: 'root@localhost' }, 'email'],
  ['an empty name', { name: '  ' }, 'name'],
  ['a name of two lines', { name: 'a\nb' }, 'name'],
  ['an unknown field', { role: 'admin' }, 'role'],
])
  test(`signing up with ${what} is refused, and the field is named`, async () => {
    const { status, body: problem } = await post('/api/v1/users', { email: newEmail(), password: PASSWORD, name: 'Test', ...body });
    assert.equal(status, 400);
    assert.match(problem.detail, new RegExp(named));
  });

for (const [what, restaurant, named] of [
  ['no currency', { currency: undefined }, 'restaurant.currency'],
  ['a small currency', { currency: 'krw' }, 'restaurant.currency'],
  ['a foreign planet', { time_zone: 'Mars/Olympus' }, 'restaurant.time_zone'],
  ['a time zone that is none', { time_zone: 'Factory' }, 'restaurant.time_zone'],
  ['the machine’s time zone', { time_zone: 'localtime' }, 'restaurant.time_zone'],
  ['a time zone by its place in the database', { time_zone: 'posix/Asia/Seoul' }, 'restaurant.time_zone'],
  ['an empty name', { name: '' }, 'restaurant.name'],
])
  test(`a restaurant with ${what} is refused, and the field is named`, async () => {
    const complete = { name: 'Test', currency: 'KRW', time_zone: 'Asia/Seoul', ...restaurant };
    const { status, body: problem } = await post('/api/v1/auth/signup', { email: newEmail(), password: PASSWORD, name: 'Test', restaurant: complete });
    assert.equal(status, 400);
    assert.ok(problem.detail.includes(named), problem.detail);
  });

// ---- the second factor ----

const TOTP = '/api/v1/auth/totp';

/** Somebody with an authenticator app, the code of the step before already used up. */
async function withTwoFactors() {
  const who = await signUp();
  const token = who.access_token;
  const offer = await post(TOTP, { password: who.password }, { token });
  assert.equal(offer.status, 201);
  const step = Math.floor(Date.now() / 30_000);
  const confirmed = await post(`${TOTP}/confirm`, { totp: totp(offer.body.secret, step - 1) }, { token });
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  return { ...who, secret: offer.body.secret, uri: offer.body.uri, codes: confirmed.body.recovery_codes };
}

test('with a second factor the password alone is not enough, and is told so', async () => {
  const who = await withTwoFactors();
  assert.equal(new URL(who.uri).searchParams.get('secret'), who.secret);
  for (let i = 0; i < 7; i++) assert.equal((await logIn(who)).body.code, 'SECOND_FACTOR_REQUIRED'); // which costs no attempt
  assert.equal((await logIn({ ...who, password: 'not the password' }, { totp: totp(who.secret) })).body.code, 'INVALID_CREDENTIALS');
  const { status, body } = await logIn(who, { totp: totp(who.secret) });
  assert.equal(status, 200);
  assert.equal(body.user.two_factor, true);
});

test('a code is good once, also when it comes twice at the same time, and no earlier one after it', async () => {
  const who = await withTwoFactors();
  const step = Math.floor(Date.now() / 30_000);
  const replies = await Promise.all([1, 2, 3].map(() => logIn(who, { totp: totp(who.secret, step + 1) })));
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 401, 401]);
  assert.equal((await logIn(who, { totp: totp(who.secret, step) })).status, 401);
});

test('guesses at the code lock the account like guesses at the password', async () => {
  const who = await withTwoFactors();
  const statuses = [];
  for (let i = 0; i < 6; i++) statuses.push((await logIn(who, { totp: '000000' })).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
});

for (const [what, path, body, expected] of [
  ['offering', TOTP, {}, 409],
  ['changing the password', '/api/v1/auth/password', { new_password: PASSWORD }, 204],
])
  test(`${what} with the password alone forgives no guesses at the code`, async () => {
    const who = await withTwoFactors();
    for (let i = 0; i < 4; i++) assert.equal((await logIn(who, { totp: '000000' })).status, 401);
    assert.equal((await post(path, { password: who.password, ...body }, { token: who.access_token })).status, expected);
    assert.equal((await logIn(who, { totp: '000000' })).status, 401);
    assert.equal((await logIn(who, { totp: '000000' })).status, 429);
  });

test('guesses at the first code are counted, too', async () => {
  const who = await signUp();
  const { body: offer } = await post(TOTP, { password: who.password }, { token: who.access_token });
  const confirm = (code) => post(`${TOTP}/confirm`, { totp: code }, { token: who.access_token });
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await confirm('000000')).status);
  assert.deepEqual(statuses, [403, 403, 403, 403, 403]);
  const locked = await confirm(totp(offer.secret));
  assert.deepEqual([locked.status, locked.body.code], [429, 'TOO_MANY_ATTEMPTS']);
});

test('a secret that was offered meanwhile is not confirmed with the code of another', async () => {
  const who = await signUp();
  const stored = () => sql(`SELECT quote_literal(totp_secret) FROM users WHERE id = '${who.user.id}'`);
  const set = (secret) => `UPDATE users SET totp_secret = ${secret} WHERE id = '${who.user.id}'`;
  const offer = () => post(TOTP, { password: who.password }, { token: who.access_token });
  const { body: first } = await offer();
  const firstStored = await stored();
  await offer();
  const secondStored = await stored();
  await sql(set(firstStored));
  const confirm = () => post(`${TOTP}/confirm`, { totp: totp(first.secret) }, { token: who.access_token });
  const { status, body } = await meet(set(secondStored), confirm);
  assert.deepEqual([status, body.code], [403, 'WRONG_CODE']);
});

test('a recovery code stands in for the app, once', async () => {
  const who = await withTwoFactors();
  assert.equal(new Set(who.codes).size, 10);
  const typed = who.codes[3].toUpperCase().replaceAll('-', ' ');
  assert.equal((await logIn(who, { recovery_code: typed })).status, 200);
  assert.equal((await logIn(who, { recovery_code: who.codes[3] })).status, 401);
  assert.equal((await logIn(who, { recovery_code: 'abcd' })).status, 401);
});

test('turning it off needs password and code, and then the password is enough', async () => {
  const who = await withTwoFactors();
  const off = (body) => post(`${TOTP}/disable`, body, { token: who.access_token });
  assert.equal((await off({ password: 'not the password', totp: totp(who.secret) })).body.code, 'WRONG_PASSWORD');
  assert.equal((await off({ password: who.password })).body.code, 'WRONG_CODE');
  assert.equal((await off({ password: who.password, totp: totp(who.secret) })).status, 204);
  assert.equal((await logIn(who)).status, 200);
  assert.equal(await sql(`SELECT count(*) FROM recovery_codes WHERE user_id = '${who.user.id}'`), '0');
});

test('it cannot be offered or confirmed while it is on, nor be confirmed with a wrong code', async () => {
  const who = await signUp();
  const token = who.access_token;
  assert.equal((await post(`${TOTP}/confirm`, { totp: '123456' }, { token })).status, 409);
  const { body } = await post(TOTP, { password: who.password }, { token });
  assert.equal((await post(`${TOTP}/confirm`, { totp: 'abcdef' }, { token })).body.code, 'WRONG_CODE');
  assert.equal((await post(`${TOTP}/confirm`, { totp: totp(body.secret) }, { token })).status, 200);
  assert.equal((await post(TOTP, { password: who.password }, { token })).status, 409);
  assert.equal((await post(`${TOTP}/confirm`, { totp: totp(body.secret) }, { token })).status, 409);
});
