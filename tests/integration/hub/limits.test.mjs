/** What a hub refuses: requests that are no proper upgrade, frames that are no proper messages, and readers that do not read. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Gate, Hub, placeOrder, RESTAURANT, restaurantPath, seed, stack, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;

/** A connection that says nothing; it may be closed at any time. */
function connectIdle(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => resolve(socket));
  });
}

let hub, token;
before(async () => {
  await seed();
  [hub, token] = await Promise.all([Hub.start({ ORDERSYNC_ALLOWED_ORIGINS: 'https://orders.example' }), staffToken()]);
});
after(() => hub?.stop());

async function liveTablet() {
  const tablet = await hub.tablet(token);
  await tablet.next('caught_up');
  return tablet;
}

describe('upgrades', TIMEOUT, () => {
  const good = {
    line: `GET ${restaurantPath()} HTTP/1.1`,
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'ordersync.v1',
  };
  const request = (changes) => {
    const { line, ...headers } = { ...good, ...changes };
    const lines = Object.entries(headers).flatMap(([name, values]) => [values ?? []].flat().map((value) => `${name}: ${value}`));
    return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
  };

  // An empty answer is a connection that was closed without a word.
  const table = [
    ['an unknown path', { line: 'GET /nothing HTTP/1.1' }, /^HTTP\/1.1 404 /],
    ['a path with a bad id', { line: 'GET /ws/restaurants/1/orders HTTP/1.1' }, /^HTTP\/1.1 404 /],
    ['an order without its restaurant', { line: `GET /ws/orders/${RESTAURANT}/status HTTP/1.1` }, /^HTTP\/1.1 404 /],
    ['an order with more arguments', { line: `GET /ws/orders/${RESTAURANT}/status?r=${RESTAURANT}&x=1 HTTP/1.1` }, /^HTTP\/1.1 404 /],
    ['the admin pages', { line: 'GET /metrics HTTP/1.1' }, /^HTTP\/1.1 404 /],
    ['POST', { line: `POST ${restaurantPath()} HTTP/1.1` }, /^HTTP\/1.1 405 [^]*\r\nAllow: GET\r\n/],
    ['DELETE', { line: `DELETE ${restaurantPath()} HTTP/1.1` }, /^HTTP\/1.1 405 |^$/],
    ['no upgrade', { Upgrade: undefined, Connection: undefined }, /^HTTP\/1.1 426 [^]*\r\nUpgrade: websocket\r\n/],
    ['h2c', { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }, /^HTTP\/1.1 426 /],
    ['another upgrade', { Upgrade: 'tls/1.0' }, /^HTTP\/1.0 403 /], // by libwebsockets, before we are asked
    ['two upgrades', { Upgrade: 'websocket, h2c' }, /^HTTP\/1.0 403 /],
    ['an old version', { 'Sec-WebSocket-Version': '8' }, /^HTTP\/1.1 426 [^]*\r\nSec-WebSocket-Version: 13\r\n/],
    ['no version', { 'Sec-WebSocket-Version': undefined }, /^HTTP\/1.1 426 /],
    ['no key', { 'Sec-WebSocket-Key': undefined }, /^HTTP\/1.1 400 /],
    ['a short key', { 'Sec-WebSocket-Key': 'abc' }, /^HTTP\/1.1 400 /],
    ['two keys', { 'Sec-WebSocket-Key': [good['Sec-WebSocket-Key'], good['Sec-WebSocket-Key']] }, /^HTTP\/1.1 400 /],
    ['no host', { Host: undefined }, /^HTTP\/1.1 400 /],
    ['HTTP/1.0', { line: `GET ${restaurantPath()} HTTP/1.0` }, /^HTTP\/1.1 400 /],
    ['a connection that only begins with upgrade', { Connection: 'upgraded' }, /^HTTP\/1.1 400 /],
    ['a body', { 'Content-Length': '5' }, /^HTTP\/1.1 400 /],
    ['a chunked body', { 'Transfer-Encoding': 'chunked' }, /^HTTP\/1.1 400 /],
    ['another sub-protocol', { 'Sec-WebSocket-Protocol': 'ordersync.v2' }, /^HTTP\/1.1 400 /],
    ['no sub-protocol', { 'Sec-WebSocket-Protocol': undefined }, /^HTTP\/1.1 400 /],
    ['a foreign origin', { Origin: 'https://evil.example' }, /^HTTP\/1.1 403 /],
    ['two origins', { Origin: ['https://orders.example', 'https://evil.example'] }, /^HTTP\/1.1 403 /],
    ['the null origin', { Origin: 'null' }, /^HTTP\/1.1 403 /],
    ['an origin with a path', { Origin: 'https://orders.example/' }, /^HTTP\/1.1 403 /],
    ['an origin of 4 KB', { Origin: `https://${'a'.repeat(4000)}` }, /^HTTP\/1.1 403 /],
    ['a tunnel', { line: 'CONNECT localhost:80 HTTP/1.1' }, /^$|^HTTP\/1.1 4/],
    ['headers of 20 KB', { Cookie: 'a'.repeat(20_000) }, /^$|^HTTP\/1.1 4/],
    ['something else', { line: 'hello' }, /^HTTP\/1.0 403 /],
  ];
  for (const [what, changes, expected] of table) {
    test(`${what} is refused`, async () => {
      const answer = await hub.exchange(request(changes));
      assert.match(answer, expected);
      assert.doesNotMatch(answer, / 101 /);
    });
  }

  test('a listed origin passes', async () => {
    const tablet = hub.connect(restaurantPath(), { token, origin: 'https://orders.example' });
    await tablet.opened;
    tablet.socket.close();
  });

  test('beyond the limit are refused with 503, until there is room again', async () => {
    const small = await Hub.start({ ORDERSYNC_SOCKETS_MAX: '1' });
    const first = small.connect(restaurantPath(), { token });
    await first.opened;
    const answer = await small.exchange(request({}));
    assert.match(answer, /^HTTP\/1.1 503 [^]*\r\nRetry-After: \d+\r\n/);
    first.socket.close();
    await first.closed;
    await until(async () => (await small.metric('sockets', '{kind="restaurant"}')) === 0);
    const second = small.connect(restaurantPath(), { token });
    await second.opened;
    second.socket.close();
    await small.stop();
  });

  /* libwebsockets' table ends where the descriptors do, and it writes beyond: both doors have to close before. */
  test('more connections than it has descriptors for do it no harm', async () => {
    const small = await Hub.start({ ORDERSYNC_SOCKETS_MAX: '1' });
    const flood = (port) => Promise.all(Array.from({ length: 1200 }, () => connectIdle(port)));
    const isHealthy = () => fetch(`${small.adminUrl}/health`).then(({ ok }) => ok, () => false);
    const strangers = await flood(small.port);
    assert.ok(await isHealthy(), 'the admin page answers while all other places are taken');
    for (const socket of strangers) socket.destroy();
    for (const socket of await flood(new URL(small.adminUrl).port)) socket.destroy();
    await until(isHealthy);
    const tablet = await small.tablet(token);
    await tablet.next('caught_up');
    tablet.socket.close();
    await small.stop();
  });

  test('refusals are counted by reason', async () => {
    const before = await hub.metric('upgrades_refused_total', '{reason="origin"}');
    await hub.exchange(request({ Origin: 'https://evil.example' }));
    assert.equal(await hub.metric('upgrades_refused_total', '{reason="origin"}'), before + 1);
  });
});

describe('frames', TIMEOUT, () => {
  const ping = Buffer.from('{"type":"ping","id":7}');

  test('of a message in 16 pieces are put together', async () => {
    const tablet = await liveTablet();
    const pieces = Array.from({ length: 16 }, (_, i) => ping.subarray(Math.floor((i * ping.length) / 16), Math.floor(((i + 1) * ping.length) / 16)));
    pieces.forEach((piece, i) => tablet.frame((i === 15 ? 0x80 : 0) | (i === 0 ? 1 : 0), piece));
    assert.deepEqual(await tablet.next('pong'), { type: 'pong', id: 7 });
    tablet.socket.close();
  });

  test('may split a character', async () => {
    const tablet = await liveTablet();
    const bytes = Buffer.from('{"type":"비빔밥"}');
    for (let i = 0; i < 13; i++) tablet.frame(i === 0 ? 1 : i === 12 ? 0x80 : 0, bytes.subarray(i === 12 ? 12 : i, i === 12 ? undefined : i + 1));
    assert.equal((await tablet.next('error')).code, 'UNKNOWN_TYPE');
  });

  test('of a message of 4,096 bytes are read, of one more are not', async () => {
    const tablet = await liveTablet();
    tablet.frame(TEXT, Buffer.concat([ping, Buffer.alloc(4096 - ping.length, ' ')]));
    await tablet.next('pong');
    tablet.frame(TEXT, Buffer.concat([ping, Buffer.alloc(4097 - ping.length, ' ')]));
    assert.equal((await tablet.closed).code, 1009);
  });

  const broken = [
    ['a length of 2^40', (client) => client.frame(TEXT, ping, { length: 2 ** 40 }), 1009],
    ['many pieces that are too big together', (client) => {
      client.frame(1, Buffer.alloc(4000, ' '));
      client.frame(0x80, Buffer.alloc(97, ' '));
    }, 1009],
    ['17 pieces', (client) => {
      for (let i = 0; i < 17; i++) client.frame(i === 0 ? 1 : 0, Buffer.from(' '));
    }, 1008],
    ['binary', (client) => client.frame(BINARY, ping), 1003],
    ['bad UTF-8', (client) => client.frame(TEXT, Buffer.from([0x22, 0xff, 0x22])), 1007],
    ['an overlong form', (client) => client.frame(TEXT, Buffer.from([0x22, 0xc0, 0xaf, 0x22])), 1007],
    ['a surrogate', (client) => client.frame(TEXT, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), 1007],
    ['an unfinished character', (client) => client.frame(TEXT, Buffer.from([0x22, 0xe2, 0x82])), 1007],
    ['a reserved opcode', (client) => client.frame(0x83, ping), 1002],
    ['a reserved bit', (client) => client.frame(TEXT | 0x40, ping), 1002],
    ['another reserved bit', (client) => client.frame(TEXT | 0x20, ping), 1002],
    ['a continuation of nothing', (client) => client.frame(0x80, ping), 1002],
    ['a control frame in pieces', (client) => client.frame(0x09, Buffer.from('a')), 1002],
    ['a close of one byte', (client) => client.frame(CLOSE, Buffer.from([3])), 1002],
    ['a close with 999', (client) => client.frame(CLOSE, Buffer.from([3, 231])), 1002],
    ['a close with 5000', (client) => client.frame(CLOSE, Buffer.from([19, 136])), 1002],
    ['a close with bad UTF-8', (client) => client.frame(CLOSE, Buffer.from([3, 232, 0xff])), 1007],
    ['too many messages', (client) => {
      for (let i = 0; i < 60; i++) client.frame(TEXT, ping);
    }, 1008],
  ];
  for (const [what, act, expected] of broken) {
    test(`${what} closes with ${expected}, and disturbs nobody else`, async () => {
      const [neighbour, client] = [await liveTablet(), await liveTablet()];
      act(client);
      assert.equal((await client.closed).code, expected);
      neighbour.say({ type: 'ping', id: 1 });
      await neighbour.next('pong');
      neighbour.socket.close();
    });
  }
});

describe('a client that does not read', TIMEOUT, () => {
  test('is not one that reads, however much comes at once', async () => {
    const redis = await Gate.open(stack.ORDERSYNC_REDIS_URL);
    const small = { ORDERSYNC_QUEUE_MESSAGES: '8', ORDERSYNC_QUEUE_BYTES: '4096', ORDERSYNC_CHECK_INTERVAL_MS: '60000' };
    const narrow = await Hub.start({ ...small, ORDERSYNC_REDIS_URL: redis.url });
    const client = await narrow.tablet(token);
    await client.next('caught_up');
    redis.shut();
    const placed = await Promise.all(Array.from({ length: 50 }, () => placeOrder()));
    redis.reopen();
    const told = new Set();
    while (told.size < placed.length) told.add((await client.next('event')).event.subject);
    assert.deepEqual(told, new Set(placed.map(({ order }) => order.order_id)));
    assert.equal(await narrow.metric('closes_total', '{code="4008"}'), 0);
    await narrow.stop();
    redis.close();
  });

  test('is closed with 4008 once its queue is full, and not before', async () => {
    const eager = await Hub.start({ ORDERSYNC_MESSAGE_RATE: '1000000', ORDERSYNC_MESSAGE_BURST: '1000000' });
    const client = await eager.tablet(token);
    await client.next('caught_up');
    client.socket._socket.pause();
    const slow = '{code="4008"}';
    await until(async () => {
      for (let i = 0; i < 1000; i++) client.frame(TEXT, Buffer.from('{"type":"ping","id":9007199254740991}'));
      return (await eager.metric('closes_total', slow)) === 1;
    });
    client.socket._socket.resume();
    assert.equal((await client.closed).code, 4008);
    // What had been queued at that moment was dropped; what had been written arrived whole.
    assert.ok(client.messages.length > 256);
    await eager.stop();
  });
});
