/** Signing keys that change under traffic: nobody is refused, and old tokens stay good. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { atEnd } from '../endings.mjs';
import { PROGRAM, start, until } from './own.mjs';
import { DEMO, env, request } from './stack.mjs';
import { PASSWORD, anywhere, claimsOf, newEmail } from './people.mjs';

const run = promisify(execFile);
const kidOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;

test('two APIs take up a new signing key while they serve, and nobody is refused', { timeout: 120_000 }, async () => {
  const keys = mkdtempSync(path.join(tmpdir(), 'ordersync-keys-'));
  atEnd(() => rmSync(keys, { recursive: true, force: true }));
  cpSync(env.ORDERSYNC_KEYS_DIR, keys, { recursive: true });
  const settings = { ORDERSYNC_KEYS_DIR: keys };
  const command = (...args) => run(PROGRAM, args, { env: { ...env, ...settings } });
  const apis = await Promise.all([start('serve', settings), start('serve', settings)]);
  const at = apis.map(({ port }) => `http://127.0.0.1:${port}`);
  const keySet = async (api) => (await request('GET', '/.well-known/jwks.json', { api })).body.keys.map(({ kid }) => kid);
  const old = await keySet(at[0]);
  const body = { email: newEmail(), password: PASSWORD, name: 'Test' };
  let { body: who } = await request('POST', '/api/v1/users', { api: at[0], body, headers: anywhere() });
  const first = who.access_token;
  const staff = (await command('token', '--role', 'staff', '--restaurant', DEMO)).stdout.trim();

  const asked = { count: 0, refused: [] };
  let isOver = false;
  const traffic = async (api) => {
    while (!isOver) {
      for (const token of [first, staff, who.access_token]) {
        const { status } = await request('GET', token === staff ? '/api/v1/restaurants/me/orders?limit=1' : '/api/v1/auth/me', { api, token });
        asked.count++;
        if (status !== 200) asked.refused.push(status);
      }
    }
  };
  const running = at.map(traffic);
  try {
    const kid = (await command('keys', 'generate', 'jwt')).stdout.trim().split(/\s+/)[1];
    for (const api of at) await until('the key set lists the new key beside the old ones', async () => (await keySet(api)).includes(kid));
    assert.deepEqual(await keySet(at[0]), [...old, kid].sort());
    // It waits until everybody has it, and then signs; each refresh is asked of the other API than the one before.
    for (let i = 0; kidOf(who.access_token) !== kid; i++) {
      const reply = await request('POST', '/api/v1/auth/refresh', { api: at[i % 2], body: { refresh_token: who.refresh_token } });
      assert.equal(reply.status, 200);
      who = reply.body;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    for (const api of at) for (const token of [first, who.access_token]) assert.equal((await request('GET', '/api/v1/auth/me', { api, token })).status, 200);

    isOver = true;
    await Promise.all(running);
    assert.ok(asked.count > 100 && asked.refused.length === 0, `${asked.refused.length} of ${asked.count} refused: ${asked.refused.slice(0, 5)}`);
    // An old key that is taken away makes its tokens worthless: that is how one is withdrawn.
    for (const name of readdirSync(keys)) if (old.some((gone) => name.startsWith(`jwt-${gone}.`))) rmSync(path.join(keys, name));
    for (const api of at) await until('the old keys are gone', async () => (await keySet(api)).join() === kid);
    for (const api of at) assert.equal((await request('GET', '/api/v1/auth/me', { api, token: first })).status, 401);
    const fresh = await request('POST', '/api/v1/auth/login', { api: at[1], body: { email: body.email, password: PASSWORD }, headers: anywhere() });
    assert.equal(kidOf(fresh.body.access_token), kid);
    assert.equal(claimsOf(fresh.body.access_token).sub, who.user.id);
  } finally {
    isOver = true;
    await Promise.allSettled(running);
    await Promise.all(apis.map((api) => api.stop()));
  }
});

test('a folder with a broken key leaves the keys as they are, and says so', { timeout: 60_000 }, async () => {
  const keys = mkdtempSync(path.join(tmpdir(), 'ordersync-keys-'));
  atEnd(() => rmSync(keys, { recursive: true, force: true }));
  cpSync(env.ORDERSYNC_KEYS_DIR, keys, { recursive: true });
  const api = await start('serve', { ORDERSYNC_KEYS_DIR: keys });
  try {
    await run('sh', ['-c', 'umask 077 && echo broken > "$1"/jwt-99999999999999-0000.pub.pem', 'sh', keys]);
    const { level, error } = await api.logged('keys_not_read');
    assert.equal(level, 'error');
    assert.match(error ?? '', /jwt-99999999999999-0000/);
    const token = (await run(PROGRAM, ['token', '--role', 'staff', '--restaurant', DEMO], { env })).stdout.trim();
    assert.equal((await request('GET', '/api/v1/restaurants/me/orders?limit=1', { api: `http://127.0.0.1:${api.port}`, token })).status, 200);
  } finally {
    await api.stop();
  }
});
