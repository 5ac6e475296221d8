/** Hubs of the tests' own, clients of theirs, and the few calls to the API that bring events about. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import WebSocket from 'ws';
import { assertNotOver, atEnd } from '../endings.mjs';
import { as } from '../roles.mjs';

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const ENV_FILE = path.resolve(CHECKOUT, process.env.OSY_ENV_FILE ?? '.local/env');

/** Lines of the form export NAME='value', where ' inside a value is written '\''. */
function readEnvFile() {
  const lines = readFileSync(ENV_FILE, 'utf8').matchAll(/^export (\w+)=(?:'((?:[^']|'\\'')*)'|(.*))$/gm);
  return Object.fromEntries(Array.from(lines, ([, name, quoted, plain]) => [name, quoted?.replaceAll("'\\''", "'") ?? plain]));
}

export const stack = readEnvFile();
/** Restaurants of those that `seed --restaurants` makes, two for each file of tests: files may run side by side. */
const FILES = ['protocol', 'limits', 'faults', 'asyncapi', 'devices', 'revocation', 'gate', 'freshness', 'dashboard', 'descriptors'];
const own = 2 * Math.max(0, FILES.indexOf(path.basename(process.argv[1]).split('.')[0]));
const restaurantId = (index) => `01890000-0000-7000-8000-${(0x10000 + index).toString(16).padStart(12, '0')}`;
export const RESTAURANT = restaurantId(own);
export const OTHER_RESTAURANT = restaurantId(own + 1);

async function api(...args) {
  const { stdout } = await run(path.join(stack.BIN_DIR, 'ordersync-api'), args, { env: { ...process.env, ...stack } });
  return stdout.trim();
}

/** Ends tokens: `--user ID` or `--session ID`. settings are environment variables. */
export function revoke(kind, id, settings = {}) {
  return run(path.join(stack.BIN_DIR, 'ordersync-api'), ['revoke', kind, id], { env: { ...process.env, ...stack, ...settings } });
}

/** Nobody works on the orders of these tests: without this, alerts of old ones would come among the events of new ones. */
const PATIENT = {
  offline_after_s: 300,
  refuse_when_unreachable: false,
  display_within_s: 3600,
  accept_within_s: 3600,
  reject_after_s: null,
};

export async function choose(restaurant, settings = {}) {
  const token = await api('token', '--role', 'owner', '--restaurant', restaurant);
  await call('PUT', '/restaurants/me/settings', { ...PATIENT, ...settings }, token);
}

async function makeRestaurants() {
  await api('seed', '--restaurants', String(2 * FILES.length));
  await Promise.all([RESTAURANT, OTHER_RESTAURANT].map((restaurant) => choose(restaurant)));
}

let seeded;
export function seed() {
  seeded ??= makeRestaurants();
  return seeded;
}

export const staffToken = (...args) => api('token', '--role', 'staff', '--restaurant', RESTAURANT, ...args);
export const mintToken = (...args) => api('token', ...args);

/** For what no endpoint does fast enough. Test ids and names only: nothing is quoted. */
export async function sql(text) {
  const { stdout } = await run('psql', ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, stack.DATABASE_URL]);
  return stdout;
}

/** What PostgreSQL has, as an array of rows. */
export async function rows(query) {
  return JSON.parse(await sql(`SELECT coalesce(json_agg(found), '[]') FROM (${query}) found`));
}

/** Waits for a condition that no event announces (a metric); the test's timeout bounds it. */
export async function until(condition) {
  for (;;) {
    assertNotOver();
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// --- hubs ---------------------------------------------------------------------------------------

const STOP_MS = 30_000; // a hub that takes longer hangs

/** One that no test has stopped is stopped, and must end well, when the tests of the file are over. */
export class Hub {
  #exit;

  /** Starts a hub on free ports; settings are environment variables. command: what runs the program, in front of it. */
  static async start(settings = {}, command = []) {
    const hub = new Hub();
    const ours = Object.fromEntries(Object.entries(stack).filter(([name]) => name.startsWith('ORDERSYNC_')));
    const [program, ...args] = [...command, path.join(stack.BIN_DIR, 'ordersync-hub')];
    hub.process = spawn(program, args, {
      env: {
        ...process.env,
        ...ours,
        ORDERSYNC_LISTEN: '127.0.0.1:0',
        ORDERSYNC_ADMIN_LISTEN: '127.0.0.1:0',
        ORDERSYNC_DRAIN_WAIT_MS: '0',
        ORDERSYNC_DRAIN_MS: '0',
        ...settings,
        ORDERSYNC_DATABASE_URL: as('hub', settings.ORDERSYNC_DATABASE_URL ?? ours.ORDERSYNC_DATABASE_URL, stack),
      },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const forget = atEnd(() => hub.stop());
    hub.#exit = once(hub.process, 'exit').then(([code, signal]) => ({ code, signal })).finally(forget);
    process.once('exit', () => hub.process.kill('SIGKILL'));
    hub.log = '';
    const started = new Promise((resolve, reject) => {
      hub.process.stderr.setEncoding('utf8').on('data', (text) => {
        hub.log += text;
        const line = hub.log.split('\n').find((entry) => entry.includes('"event":"hub_started"'));
        if (line) resolve(JSON.parse(line));
      });
      hub.#exit.then(() => reject(new Error(`the hub did not start: ${hub.log}`)));
    });
    const { port, admin_port: adminPort } = await started;
    // A test that fails does not stop its hub, and tests end before hubs that are left do.
    hub.process.unref();
    hub.process.stderr.unref();
    hub.port = port;
    hub.adminUrl = `http://127.0.0.1:${adminPort}`;
    return hub;
  }

  /** Its end, {code, signal}. Whoever asks waits for it, and so does node. */
  get exited() {
    this.process.ref();
    return this.#exit;
  }

  /** Ends it and checks that it ended well: a sanitizer's finding is an exit status, too. */
  async stop() {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      this.process.kill('SIGCONT'); // a test that failed may have frozen it
    }
    const patience = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    const { code } = await this.exited;
    clearTimeout(patience);
    if (code !== 0) throw new Error(`the hub ended with ${code}: ${this.log}`);
  }

  async metric(name, labels = '') {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((entry) => entry.startsWith(`ordersync_hub_${name}${labels} `));
    return line ? Number(line.split(' ').at(-1)) : 0;
  }

  connect(target, options) {
    return new Client(this, target, options);
  }

  /** A socket that is authenticated, resumed and live. */
  async tablet(token, position = null) {
    const client = this.connect(`/ws/restaurants/${RESTAURANT}/orders`, { token });
    await client.opened;
    client.say({ type: 'resume', position });
    await client.next('hello');
    return client;
  }

  /** A socket that is authenticated and has chosen: restaurants and the positions to resume from. */
  async dashboard(token, choice) {
    const client = this.connect('/ws/dashboard', { token });
    await client.opened;
    await client.next('hello');
    client.choose(choice);
    return client;
  }

  /** Sends bytes on a bare connection and returns everything that comes back until its end. */
  async exchange(bytes) {
    const socket = net.connect(this.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => (answer += text));
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
    return answer;
  }
}

// --- the way to a server -----------------------------------------------------------------------------------------

/** Stands between a hub and PostgreSQL or Redis, and can hold back every byte. */
export class Gate {
  #connections = new Set();
  #server;
  #isShut = false;

  static async open(url) {
    const gate = new Gate();
    const { hostname, port } = new URL(url);
    gate.#server = net.createServer((near) => gate.#join(near, net.connect(Number(port), hostname)));
    gate.#server.listen(0, '127.0.0.1').unref();
    await once(gate.#server, 'listening');
    const through = new URL(url);
    through.port = String(gate.#server.address().port);
    gate.url = through.href;
    return gate;
  }

  #join(near, far) {
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#connections.add(from);
      from.unref();
      from.on('error', () => {}).on('close', () => {
        this.#connections.delete(from);
        to.destroy();
      });
      from.on('data', (bytes) => to.write(bytes));
      if (this.#isShut) from.pause();
    }
  }

  shut() {
    this.#isShut = true;
    for (const connection of this.#connections) connection.pause();
  }

  reopen() {
    this.#isShut = false;
    for (const connection of this.#connections) connection.resume();
  }

  close() {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

// --- clients ------------------------------------------------------------------------------------

export class Client {
  constructor(hub, target, { token, origin, protocols = 'ordersync.v1', ...options } = {}) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.socket = new WebSocket(`ws://127.0.0.1:${hub.port}${target}`, protocols, { headers, origin, ...options });
    const forget = atEnd(() => this.socket.terminate());
    this.messages = []; // all of them
    this.unread = [];
    this.readers = [];
    this.socket.on('message', (data) => data.toString().split('\n').forEach((line) => this.#take(JSON.parse(line))));
    this.socket.on('error', () => {});
    this.opened = once(this.socket, 'open');
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        forget();
        resolve({ code, reason: reason.toString() });
      });
    });
    this.closed.then(() => this.readers.forEach((reader) => reader.reject(new Error('the socket was closed'))));
  }

  #take(message) {
    this.messages.push(message);
    const reader = this.readers.shift();
    if (reader) reader.resolve(message);
    else this.unread.push(message);
  }

  #read() {
    if (this.unread.length > 0) return Promise.resolve(this.unread.shift());
    if (this.socket.readyState === WebSocket.CLOSED) return Promise.reject(new Error('the socket is closed'));
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }

  /** The next message, which must be of that type. Heartbeats come when they like: others are not held up by them. */
  async next(type) {
    let message = await this.#read();
    while (message.type === 'heartbeat' && type !== 'heartbeat') message = await this.#read();
    if (message.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
    return message;
  }

  /** The messages up to the first of that type, which is the last of the array. */
  async through(type) {
    const taken = [];
    do taken.push(await this.#read());
    while (taken.at(-1).type !== type);
    return taken;
  }

  say(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** On a dashboard: {restaurant: position}. */
  choose(choice) {
    const restaurants = Object.entries(choice).map(([id, position]) => ({ id, position }));
    this.say({ type: 'resume', restaurants });
  }

  /** Bytes of one frame, masked with zeros, as nobody's WebSocket library would let us send them. */
  frame(firstByte, payload, { length = payload.length } = {}) {
    const header = [firstByte];
    if (length < 126) header.push(0x80 | length);
    else if (length < 65536) header.push(0x80 | 126, length >> 8, length & 255);
    else header.push(0x80 | 127, ...Array.from({ length: 8 }, (_, i) => Math.floor(length / 256 ** (7 - i)) % 256));
    this.socket._socket.write(Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), Buffer.from(payload)]));
  }
}

// --- orders -------------------------------------------------------------------------------------

const API = `${stack.API_URLS?.split(' ')[0]}/api/v1`;

async function call(method, url, body, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${API}${url}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

const post = (url, body, token) => call('POST', url, body, token);

const menus = {};
/** By a guest, or with a customer's token. */
export async function placeOrder(restaurant = RESTAURANT, token = undefined) {
  menus[restaurant] ??= (await fetch(`${API}/restaurants/${restaurant}/menu`)).json();
  const item = (await menus[restaurant]).items.find(({ available, stock }) => available && stock === null);
  return post('/orders', {
    restaurant_id: restaurant,
    items: [{ item_id: item.item_id, quantity: 1 }],
    customer: { name: 'Test', phone: '+82 10 0000 0000', address: 'Somewhere 1' },
  }, token);
}

export const acceptOrder = (orderId, token) => post(`/restaurants/me/orders/${orderId}/accept`, {}, token);
export const orderPath = ({ order }) => `/ws/orders/${order.order_id}/status?r=${order.restaurant_id}`;
export const restaurantPath = (id = RESTAURANT) => `/ws/restaurants/${id}/orders`;
