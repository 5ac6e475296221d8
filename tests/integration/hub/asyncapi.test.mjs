/**
 * docs/asyncapi.yaml says what goes over the sockets. It is valid, it agrees with docs/protocol.md in every example, table
 * and code, its defaults are the hub's, and real traffic fits it. So none of the three can drift from the others.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Parser } from '@asyncapi/parser';
import { document, problemOf, schemaProblemOf, source, typesOf } from './contract.mjs';
import {
  Hub,
  OTHER_RESTAURANT,
  RESTAURANT,
  acceptOrder,
  choose,
  mintToken,
  orderPath,
  placeOrder,
  restaurantPath,
  seed,
  stack,
  staffToken,
} from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, each an array of its cells. */
function tableBelow(heading) {
  const section = protocol.slice(protocol.indexOf(`\n## ${heading}\n`) + 4 + heading.length);
  const [, table] = section.match(/\n((?:\|.*\n)+)/);
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

const quoted = (text) => Array.from(text.matchAll(/`([^`]+)`/g), ([, word]) => word);
const blocks = (language) => Array.from(protocol.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g')), ([, text]) => text);

/* The page shortens what nobody wants to read: "0189...", "AQAA...", {...}. */
const EXAMPLE_EVENT = blocks('json')[0];
function lengthen(text) {
  return text
    .replaceAll('{...}', () => EXAMPLE_EVENT)
    .replace(/\b([0-9a-f]{4})\.\.\./g, '$10000-0000-7000-8000-000000000000')
    .replace(/"(AQ\w*)\.\.\."/g, (_, start) => `"${start.padEnd(34, 'A')}"`);
}

test('the document is valid AsyncAPI, without so much as a warning', TIMEOUT, async () => {
  const { document: parsed, diagnostics } = await new Parser().parse(source);
  const complaints = diagnostics.filter(({ severity }) => severity <= 1);
  assert.deepEqual(complaints.map(({ message, path: where }) => `${where.join('.')}: ${message}`), []);
  assert.equal(parsed.version(), '3.0.0');
});

describe('docs/protocol.md', () => {
  const conversations = blocks('').filter((text) => /^[<>] /m.test(text));

  for (const [index, conversation] of conversations.entries()) {
    test(`every message of example ${index + 1} is as described`, () => {
      const channel = conversation.includes('"restaurants"') ? 'dashboard' : 'restaurantOrders';
      for (const line of conversation.trim().split('\n')) {
        const action = line.startsWith('>') ? 'receive' : 'send';
        assert.equal(problemOf(channel, action, JSON.parse(lengthen(line.slice(2)))), null);
      }
    });
  }

  test('every example of an event is as described', () => {
    const events = blocks('json').map((text) => JSON.parse(lengthen(text)));
    assert.deepEqual(events.map(({ type }) => type), ['order.accepted', 'order.alerted', 'menu.updated', 'menu.low_stock', 'restaurant.paused']);
    for (const event of events) assert.equal(schemaProblemOf('RestaurantEvent', event), null);
    for (const event of events.slice(1)) assert.notEqual(schemaProblemOf('OrderEvent', event), null, 'customers see neither alerts nor what is the restaurant’s alone');
  });

  test('shows an example of every type', () => {
    const shown = new Set(Array.from(conversations.join('\n').matchAll(/^[<>] \{"type":"(\w+)"/gm), ([, type]) => type));
    const described = Object.values(document.components.messages).map(({ name }) => name);
    assert.deepEqual([...shown].sort(), [...new Set(described)].sort());
  });

  test('its tables list the same types, close codes and error codes', () => {
    const channels = Object.keys(document.channels);
    for (const [heading, action] of [['Client to server', 'receive'], ['Server to client', 'send']]) {
      const listed = new Set(tableBelow(heading).map(([type]) => quoted(type)[0]));
      assert.deepEqual(listed, new Set(channels.flatMap((channel) => typesOf(channel, action))), heading);
    }
    const codes = tableBelow('Closing').flatMap(([code]) => code.split(', '));
    assert.deepEqual(codes.sort(), Object.keys(document['x-close-codes']).sort());
    const errors = tableBelow('Errors').map(([code]) => quoted(code)[0]);
    assert.deepEqual(errors, document.components.messages.error.payload.properties.code.enum);
  });

  test('its table of messages names the same fields', () => {
    const fields = (name) => Object.keys(document.components.messages[name].payload.properties).filter((field) => field !== 'type');
    const named = { hello: 'hello', event: 'event', caught_up: 'caughtUp', reset: 'reset', pong: 'pong', drain: 'drain' };
    Object.assign(named, { heartbeat: 'heartbeat', presence: 'presence', figures: 'figures', expiring: 'expiring', error: 'error' });
    for (const [type, cell] of tableBelow('Server to client')) {
      const words = quoted(cell);
      const name = named[quoted(type)[0]];
      for (const field of fields(name)) assert.ok(words.includes(field), `${type} lacks ${field}`);
    }
  });

  test('names every limit and default', () => {
    const number = (value) => value.toLocaleString('en');
    const size = (bytes) => (bytes % 65536 === 0 ? `${bytes / 1024} KiB` : `${number(bytes)} bytes`);
    const words = Object.entries({ ...document['x-limits'], ...document['x-defaults'] }).map(([name, value]) => {
      if (/_MS$/.test(name)) return `${value / 1000} s`;
      if (/bytes$/i.test(name)) return size(value);
      const [, unit] = name.match(/_(fragments|levels|restaurants)$/) ?? [];
      return unit && unit !== 'restaurants' ? `${number(value)} ${unit}` : number(value);
    });
    for (const word of words) assert.ok(protocol.includes(word), `"${word}" is not on the page`);
  });

  test('its paths are the channels', () => {
    const paths = tableBelow('Connecting').map(([cell]) => quoted(cell)[0].split('?')[0]);
    assert.deepEqual(paths, Object.values(document.channels).map(({ address }) => address));
  });
});

test('the defaults are the hub’s own', () => {
  const help = execFileSync(path.join(stack.BIN_DIR, 'ordersync-hub'), ['--help'], { encoding: 'utf8' });
  const settings = Object.fromEntries(Array.from(help.matchAll(/^ {2}(ORDERSYNC_\w+) +\d+ to \d+ +(\d+)/gm), ([, name, value]) => [name, Number(value)]));
  for (const [name, value] of Object.entries(document['x-defaults'])) assert.equal(settings[name], value, name);
});

describe('real traffic', TIMEOUT, () => {
  let hub, token;

  before(async () => {
    await seed();
    [hub, token] = await Promise.all([Hub.start(), staffToken()]);
  });
  after(() => hub?.stop());

  function assertAllFit(channel, { messages }, ...expected) {
    for (const message of messages) assert.equal(problemOf(channel, 'send', message), null);
    const seen = new Set(messages.map(({ type }) => type));
    for (const type of expected) assert.ok(seen.has(type), `no ${type} came`);
  }

  test('of a tablet fits, from hello to error', async () => {
    const tablet = await hub.tablet(token);
    const { position } = await tablet.next('caught_up');
    const { order } = await placeOrder();
    await tablet.next('event');
    await acceptOrder(order.order_id, token);
    await tablet.next('event');
    tablet.say({ type: 'ack', position, state: 'displayed', device: 'kitchen-1' });
    tablet.say({ type: 'ping', id: 1 });
    tablet.say({ type: 'ping' });
    await tablet.next('pong');
    await tablet.next('pong');
    tablet.say({ type: 'nonsense' });
    assert.ok(String((await tablet.closed).code) in document['x-close-codes']);
    assertAllFit('restaurantOrders', tablet, 'hello', 'caught_up', 'event', 'pong', 'error');
  });

  /** Of an event that never was. */
  function strangePosition() {
    const position = Buffer.alloc(25, 7);
    position.writeUInt8(1, 0);
    position.writeBigUInt64BE(1n, 1);
    return position.toString('base64url');
  }

  test('of a tablet that cannot be resumed, and whose token ends, fits', async () => {
    const tablet = await hub.tablet(await staffToken('--ttl', '5'), strangePosition());
    assert.ok(String((await tablet.closed).code) in document['x-close-codes']);
    assertAllFit('restaurantOrders', tablet, 'hello', 'reset', 'expiring', 'error');
  });

  test('of a customer fits', async () => {
    const mine = await placeOrder();
    await acceptOrder(mine.order.order_id, token);
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: mine.position });
    await customer.through('caught_up');
    customer.socket.close();
    assertAllFit('orderStatus', customer, 'hello', 'event', 'caught_up');
  });

  test('of an order that nobody answers fits: its restaurant is alerted', async () => {
    await choose(RESTAURANT, { accept_within_s: 1 });
    const tablet = await hub.tablet(token);
    const { order } = await placeOrder();
    // Orders of tests before it may be due for an alert, too.
    const isIts = ({ event }) => event?.type === 'order.alerted' && event.subject === order.order_id;
    while (!isIts(tablet.messages.at(-1))) await tablet.through('event');
    await choose(RESTAURANT);
    tablet.socket.close();
    assertAllFit('restaurantOrders', tablet, 'hello', 'event');
  });

  test('of a dashboard fits, from hello to error', async () => {
    const owner = await mintToken('--role', 'owner', '--restaurant', RESTAURANT, '--restaurant', OTHER_RESTAURANT);
    const dashboard = await hub.dashboard(owner, { [RESTAURANT]: null, [OTHER_RESTAURANT]: strangePosition() });
    const expected = new Set(['caught_up', 'reset', 'presence', 'figures']);
    while (expected.size > 0) for (const { type } of await dashboard.through([...expected][0])) expected.delete(type);
    const tablet = hub.connect(restaurantPath(), { token });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null, device: 'kitchen-1' });
    while (!dashboard.messages.at(-1).devices?.length) await dashboard.through('presence');
    tablet.socket.close();
    await placeOrder();
    await dashboard.through('event');
    dashboard.say({ type: 'ping', id: 1 });
    await dashboard.through('pong');
    dashboard.say({ type: 'resume', restaurants: [] });
    assert.equal((await dashboard.closed).code, 1008);
    assertAllFit('dashboard', dashboard, 'hello', 'caught_up', 'reset', 'presence', 'figures', 'event', 'pong', 'error');
  });

  test('of a hub that goes away fits, and so do its heartbeats', async () => {
    const leaving = await Hub.start({ ORDERSYNC_HEARTBEAT_MS: '200' });
    const client = leaving.connect(restaurantPath(), { token });
    await client.opened;
    client.say({ type: 'resume', position: null });
    await client.through('caught_up');
    await client.through('heartbeat');
    await leaving.stop();
    assert.equal((await client.closed).code, 1012);
    assertAllFit('restaurantOrders', client, 'hello', 'caught_up', 'heartbeat', 'drain');
  });
});
