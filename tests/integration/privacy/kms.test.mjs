/** Wrapping keys that lie in the folder as a key management service has wrapped them. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { atEnd } from '../endings.mjs';
import { makeSchema, PROGRAM, start, until } from '../api/own.mjs';
import { env, makeRestaurant, newOrder, request, sql } from '../api/stack.mjs';
import { makeKms, REGION, sign } from './kms.mjs';

const run = promisify(execFile);

/** A copy of the stack's keys. */
async function makeFolder() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ordersync-keys-'));
  atEnd(() => rm(folder, { recursive: true }));
  await cp(env.ORDERSYNC_KEYS_DIR, folder, { recursive: true });
  return folder;
}

const dataFiles = async (folder) => (await readdir(folder)).filter((name) => name.startsWith('data-')).sort();

/** A key service, and a folder whose only data key is one of its. */
async function makeWrapped(options) {
  const kms = await makeKms(options);
  const keys = await makeFolder();
  const own = { ORDERSYNC_KEYS_DIR: keys, ...kms.settings };
  const command = async (...args) => (await run(PROGRAM, args, { env: { ...env, ...own } })).stdout;
  for (const name of await dataFiles(keys)) await rm(path.join(keys, name));
  const [, kid] = (await command('keys', 'generate', 'data', '--kms')).trim().split(/\s+/);
  return { kms, keys, own, command, kid, file: path.join(keys, `data-${kid}.kms`) };
}

/** What a program that must not start says. */
async function refusal(own, ...args) {
  const { code, stderr } = await run(PROGRAM, args, { env: { ...env, ORDERSYNC_LISTEN: '127.0.0.1:0', ...own }, timeout: 60_000 }).then(
    () => assert.fail('it went on'),
    (error) => error,
  );
  assert.ok(code === 1 || code === 2, `exit code ${code}: ${stderr}`);
  return stderr;
}

async function placeAndRead(api, restaurant, token) {
  const created = await request('POST', '/api/v1/orders', { api, body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
  assert.equal(created.status, 201);
  const { body } = await request('GET', `/api/v1/orders/${created.body.order.order_id}`, { api, token });
  assert.equal(body.order?.customer?.name, 'CANARY 손님');
  return created.body.order.order_id;
}

/** With a database of its own, and somebody who works there. */
async function makeShop(own, command) {
  own.ORDERSYNC_DATABASE_URL = await makeSchema();
  const restaurant = await makeRestaurant(own.ORDERSYNC_DATABASE_URL);
  const staff = (await command('token', '--role', 'staff', '--restaurant', restaurant.id)).trim();
  return { restaurant, staff };
}

/** An API that knows what was revoked, so that it takes tokens. */
async function startApi(own, token) {
  const api = await start('serve', own);
  const ask = () => request('GET', `/api/v1/orders/${randomUUID()}`, { api: addressOf(api), token });
  await until('it takes tokens', async () => (await ask()).status === 404);
  return api;
}

const addressOf = ({ port }) => `http://127.0.0.1:${port}`;

test('the key service of these tests signs as the example that AWS has published', () => {
  const example = {
    method: 'GET',
    url: '/?Action=ListUsers&Version=2010-05-08',
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', host: 'iam.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
    signed: ['content-type', 'host', 'x-amz-date'],
    body: '',
  };
  assert.equal(
    sign(example, '20150830/us-east-1/iam/aws4_request', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('orders are written and read under a key that only the service can open, and no request asks it', async () => {
  const { kms, keys, own, command, kid } = await makeWrapped({ token: 'a/session+token=' });
  assert.deepEqual(await dataFiles(keys), [`data-${kid}.kms`]);
  for (const name of await readdir(keys)) {
    const content = await readFile(path.join(keys, name));
    for (const secret of kms.secrets)
      for (const form of ['latin1', 'hex', 'base64', 'base64url']) assert.ok(!content.toString('latin1').includes(secret.toString(form)), `${name} holds the key`);
  }
  assert.deepEqual(kms.calls.map(({ operation, parameters }) => [operation, parameters.EncryptionContext]), [
    ['GenerateDataKey', { 'ordersync:kind': 'data', 'ordersync:kid': kid }],
    ['Decrypt', { 'ordersync:kind': 'data', 'ordersync:kid': kid }],
  ]);
  assert.match(await command('keys', 'list'), new RegExp(`^data +${kid} +in KMS +active$`, 'm'));

  const { restaurant, staff } = await makeShop(own, command);
  const api = await startApi(own, staff);
  const before = kms.tries;
  for (let n = 0; n < 10; n++) await placeAndRead(addressOf(api), restaurant, staff);
  assert.equal(kms.tries, before);
  assert.equal(await sql(`SELECT DISTINCT wrapping_key_of(data_key) FROM orders`, own.ORDERSYNC_DATABASE_URL), kid);
  await api.stop();
});

test('whatever is wrong between us and the service stops the start, is said, and gives nothing away', async () => {
  const { kms, keys, own, kid, file } = await makeWrapped({ token: 'CANARY-session' });
  const blob = await readFile(file);
  const wrongSecret = 'CANARYwrongsecretCANARYwrongsecret000000';
  const other = await makeKms();
  const cases = [
    ['the secret access key', () => kms.writeCredentials({ ...kms.user, secret: wrongSecret }), {}, /InvalidSignatureException/],
    ['the access key id', () => kms.writeCredentials({ ...kms.user, id: 'AKIANOBODYNOBODY' }), {}, /access key id is not known/],
    ['the session token', () => kms.writeCredentials({ ...kms.user, token: undefined }), {}, /UnrecognizedClientException/],
    ['a session that is over', () => (kms.user.hasEnded = true), {}, /session token has ended/],
    ['the clock', () => (kms.clockMs = 10 * 60_000), {}, /clock is wrong/],
    ['no right to decrypt', () => (kms.user.mayNot = 'Decrypt'), {}, /credentials do not allow it/],
    ['a fault that does not pass', () => (kms.failures = [{ type: 'DisabledException', status: 400 }]), {}, /the KMS key is disabled/],
    ['an answer in other words', () => (kms.failures = [{ type: '<b>\n', status: 418 }]), {}, /KMS answers 418$/m],
    ['the region', null, { ORDERSYNC_KMS_REGION: 'eu-west-1' }, /ORDERSYNC_KMS_REGION/],
    ['a KMS key that is not there', null, { ORDERSYNC_KMS_KEY_ID: 'alias/nothing' }, /no KMS key ORDERSYNC_KMS_KEY_ID/],
    ['another KMS key', null, { ORDERSYNC_KMS_KEY_ID: 'alias/of-another' }, /another key than ORDERSYNC_KMS_KEY_ID/],
    ['a certificate of nobody we know', null, { ORDERSYNC_KMS_CA_FILE: '' }, /certificate/i],
    ["another service's certificate", null, { ORDERSYNC_KMS_CA_FILE: other.settings.ORDERSYNC_KMS_CA_FILE }, /certificate/i],
    ['credentials that others may read', () => chmod(own.ORDERSYNC_KMS_CREDENTIALS_FILE, 0o644), {}, /open to other users/],
    ['credentials that are not there', () => rm(own.ORDERSYNC_KMS_CREDENTIALS_FILE), {}, /No such file/],
    ['no service at all', null, { ORDERSYNC_KMS_URL: '' }, /is wrapped, and no key service is set/],
    ['plain HTTP', null, { ORDERSYNC_KMS_URL: 'http://127.0.0.1:1' }, /ORDERSYNC_KMS_URL must be https/],
    ['no credentials', null, { ORDERSYNC_KMS_CREDENTIALS_FILE: '' }, /ORDERSYNC_KMS_CREDENTIALS_FILE is required/],
    ['an altered blob', () => writeFile(file, Buffer.from(blob).fill(0, blob.length - 1)), {}, /damaged/],
    ['an empty blob', () => writeFile(file, ''), {}, /not 1 to 6144 bytes/],
    ["a blob under another's name", () => rename(file, path.join(keys, 'data-moved.kms')), {}, /another file name/],
    ['the same kid in the clear', () => writeFile(path.join(keys, `data-${kid}.key`), 'ab'.repeat(32), { mode: 0o600 }), {}, /kid of another one/],
  ];
  for (const [what, breakIt, settings, expected] of cases) {
    await breakIt?.();
    const said = await refusal({ ...own, ...settings }, 'keys', 'list');
    assert.match(said, expected, what);
    for (const secret of ['CANARY', wrongSecret, kms.user.secret, kms.secrets[0].toString('base64'), kms.secrets[0].toString('hex'), 'Signature=']) assert.ok(!said.includes(secret), `${what}: ${said}`);
    Object.assign(kms, { clockMs: 0, failures: [] });
    Object.assign(kms.user, { hasEnded: false, mayNot: undefined });
    await kms.writeCredentials();
    for (const name of await dataFiles(keys)) await rm(path.join(keys, name));
    await writeFile(file, blob, { mode: 0o600 });
  }
  await kms.writeCredentials({ ...kms.user, secret: wrongSecret });
  const said = await refusal(own, 'serve');
  assert.match(said, /InvalidSignatureException/);
  assert.ok(!said.includes('CANARY') && !said.includes(kms.user.secret));
  assert.equal(REGION, own.ORDERSYNC_KMS_REGION);
});

test('a key that cannot be opened again is not made', async () => {
  const { kms, keys, own } = await makeWrapped();
  const before = await dataFiles(keys);
  kms.user.mayNot = 'Decrypt';
  assert.match(await refusal(own, 'keys', 'rotate', 'data', '--kms'), /AccessDeniedException/);
  assert.deepEqual(await dataFiles(keys), before);
  assert.match(await refusal(own, 'keys', 'rotate', 'jwt', '--kms'), /--kms is for data keys/);
});

test('without the service nothing starts, and nothing hangs', async () => {
  const { kms, own } = await makeWrapped();
  const hasty = { ...own, ORDERSYNC_KMS_TIMEOUT_MS: '1000' };
  kms.isSilent = true;
  assert.match(await refusal(hasty, 'serve'), /KMS at https:.*Timeout/);
  await kms.stop();
  assert.match(await refusal(hasty, 'serve'), /KMS at https:.*connect/);
  assert.match(await refusal(hasty, 'work'), /KMS at https:.*connect/);
});

test('what passes is tried again', async () => {
  const { kms, command, kid } = await makeWrapped();
  kms.failures = [{ type: 'ThrottlingException', status: 400 }, { type: 'KMSInternalException', status: 500 }, { type: '', status: 503 }];
  const before = kms.tries;
  assert.match(await command('keys', 'list'), new RegExp(kid));
  assert.equal(kms.tries - before, 4);
});

test('while the service is away programs go on with the keys that they have, and take up a new one when it is back', async () => {
  const { kms, keys, own, command } = await makeWrapped();
  const later = await makeFolder();
  const [, fresh] = (await run(PROGRAM, ['keys', 'rotate', 'data', '--kms'], { env: { ...env, ...own, ORDERSYNC_KEYS_DIR: later } })).stdout.trim().split(/\s+/);
  const { restaurant, staff } = await makeShop(own, command);
  const api = await startApi({ ...own, ORDERSYNC_KMS_TIMEOUT_MS: '3000' }, staff);
  kms.isAway = true;
  await placeAndRead(addressOf(api), restaurant, staff);

  await run(PROGRAM, ['keys', 'rotate', 'jwt'], { env: { ...env, ...own } });
  await api.logged('keys_changed'); // nothing new is wrapped, so nobody is asked
  await cp(path.join(later, `data-${fresh}.kms`), path.join(keys, `data-${fresh}.kms`));
  const { error } = await api.logged('keys_not_read');
  assert.match(error, new RegExp(`data-${fresh}\\.kms.*KMS at https`));
  await placeAndRead(addressOf(api), restaurant, staff);

  kms.isAway = false;
  await api.logged('keys_changed');
  await placeAndRead(addressOf(api), restaurant, staff);
  await api.stop();
});

test('a key of the folder gives way to one of the service under traffic, without one failure', async () => {
  const kms = await makeKms();
  const keys = await makeFolder();
  const own = { ORDERSYNC_KEYS_DIR: keys, ...kms.settings };
  const command = async (...args) => (await run(PROGRAM, args, { env: { ...env, ...own } })).stdout;
  const { restaurant, staff } = await makeShop(own, command);
  const database = own.ORDERSYNC_DATABASE_URL;
  const apis = await Promise.all([startApi(own, staff), startApi(own, staff)]);
  const placed = [];
  let isOver = false;
  const traffic = Promise.all(
    apis.map(async (api) => {
      for (; !isOver; await pause(50)) placed.push(await placeAndRead(addressOf(api), restaurant, staff));
    }),
  );
  const used = () => sql(`SELECT string_agg(DISTINCT wrapping_key_of(data_key), ',') FROM orders WHERE data_key IS NOT NULL`, database);
  await until('orders are placed', () => placed.length > 10);
  const old = await used();
  const [, fresh] = (await command('keys', 'rotate', 'data', '--kms')).trim().split(/\s+/);
  await until('the new key is used', async () => (await used()).includes(fresh));
  const count = placed.length;
  await until('it is used by all', () => placed.length > count + 20);
  await command('keys', 'rewrap');
  await command('keys', 'rewrap'); // what was placed with the old one when the first began
  isOver = true;
  await traffic;

  assert.equal(await used(), fresh);
  await rm(path.join(keys, `data-${old}.key`));
  assert.deepEqual(await dataFiles(keys), [`data-${fresh}.kms`]);
  const without = await startApi(own, staff); // has never seen the old one
  const read = (id) => request('GET', `/api/v1/orders/${id}`, { api: addressOf(without), token: staff });
  for (const id of placed) assert.equal((await read(id)).body.order.customer.name, 'CANARY 손님');
  await Promise.all([...apis, without].map((api) => api.stop()));
});
