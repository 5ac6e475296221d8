/** The headers of replies that browsers and caches go by: nosniff, no-store, and which origins may read what. */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { start } from './own.mjs';
import { DEMO, makeRestaurant, mintToken, newOrder, request } from './stack.mjs';

const MENU = `/api/v1/restaurants/${DEMO}/menu`;
const SHOP = 'https://shop.example';

let api, where;
before(async () => {
  api = await start('serve', { ORDERSYNC_CORS_ORIGINS: `${SHOP}, http://127.0.0.1:3000` });
  where = `http://127.0.0.1:${api.port}`;
});
after(() => api.stop());

test('every reply forbids sniffing, and whatever is personal forbids to be stored', async () => {
  const restaurant = await makeRestaurant();
  const token = await mintToken('staff', restaurant.id);
  const { body: placed, ...created } = await request('POST', '/api/v1/orders', { api: where, body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
  const replies = [
    created,
    await request('GET', `/api/v1/orders/${placed.order.order_id}`, { api: where, token }),
    await request('GET', `/api/v1/orders/${placed.order.order_id}`, { api: where, token: placed.tracking_token }),
    await request('GET', '/api/v1/restaurants/me/orders', { api: where, token }),
    await request('GET', '/api/v1/orders/x', { api: where, token }),
    await request('GET', '/api/v1/orders/x', { api: where }),
    await request('POST', '/api/v1/orders', { api: where, body: 'x' }),
  ];
  for (const { headers } of replies) {
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('cache-control'), 'no-store');
  }
  const { headers } = await request('GET', MENU, { api: where });
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
});

const from = (origin, method = 'GET', more = {}) => fetch(`${where}${MENU}`, { method, headers: { origin, ...more } });
const allowed = ({ headers }) => headers.get('access-control-allow-origin');

test('a listed origin may read replies, refusals too, and no other may', async () => {
  const reply = await from(SHOP);
  assert.deepEqual([reply.status, allowed(reply)], [200, SHOP]);
  assert.match(reply.headers.get('access-control-expose-headers'), /RateLimit-Remaining/);
  assert.equal(allowed(await fetch(`${where}/nothing`, { headers: { origin: SHOP } })), SHOP);
  for (const origin of ['https://shop.example.evil', 'http://shop.example', 'https://shop.example:443', 'https://SHOP.example', 'null', '*', `${SHOP}/`, `${SHOP} https://evil.example`])
    assert.equal(allowed(await from(origin)), null, origin);
  for (const any of [await from(SHOP), await fetch(`${where}${MENU}`)]) {
    assert.match(any.headers.get('vary') ?? '', /Origin/);
    assert.equal(any.headers.get('access-control-allow-credentials'), null);
  }
});

test('a listed origin is told what it may send, and no other is', async () => {
  const ask = { 'access-control-request-method': 'POST' };
  const yes = await fetch(`${where}/api/v1/orders`, { method: 'OPTIONS', headers: { origin: SHOP, ...ask } });
  assert.deepEqual([yes.status, allowed(yes), await yes.text()], [204, SHOP, '']);
  assert.match(yes.headers.get('access-control-allow-methods'), /\bPOST\b/);
  for (const name of ['Authorization', 'Content-Type', 'Idempotency-Key'])
    assert.match(yes.headers.get('access-control-allow-headers'), new RegExp(`\\b${name}\\b`));
  const no = await fetch(`${where}/api/v1/orders`, { method: 'OPTIONS', headers: { origin: 'https://evil.example', ...ask } });
  assert.deepEqual([no.status, allowed(no)], [405, null]);
});

test('without the setting no origin is told anything', async () => {
  const own = await start('serve', { ORDERSYNC_CORS_ORIGINS: '' });
  const reply = await fetch(`http://127.0.0.1:${own.port}${MENU}`, { headers: { origin: SHOP } });
  assert.deepEqual([reply.status, allowed(reply), reply.headers.get('vary')], [200, null, null]);
  await own.stop();
});
