/** The running local stack, as its env file describes it: addresses, tokens, and a hub to kill. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const WAIT_MS = 60_000; // a test that waits longer for something has failed
const ENV_FILE = path.resolve(CHECKOUT, process.env.OSY_ENV_FILE ?? '.local/env');

/** Lines of the form export NAME='value', where ' inside a value is written '\''. */
function parseEnv(text) {
  const lines = text.matchAll(/^export (\w+)=(?:'((?:[^']|'\\'')*)'|(.*))$/gm);
  return Object.fromEntries(Array.from(lines, ([, name, quoted, plain]) => [name, quoted?.replaceAll("'\\''", "'") ?? plain]));
}

export async function readStack() {
  const env = parseEnv(await readFile(ENV_FILE, 'utf8'));
  return { ...env, restaurantId: env.DEMO_RESTAURANT_ID, edgeUrl: env.EDGE_URL.replace(/\/$/, '') };
}

async function api(stack, ...args) {
  const { stdout } = await run(path.join(stack.BIN_DIR, 'ordersync-api'), args, { env: { ...process.env, ...stack } });
  return stdout.trim();
}

export function mintToken(stack, role, { restaurantIds = [stack.restaurantId], subject } = {}) {
  const restaurants = restaurantIds.flatMap((id) => ['--restaurant', id]);
  return api(stack, 'token', '--role', role, ...restaurants, ...(subject ? ['--subject', subject] : []));
}

/** Every token of that user ends. */
export function revokeTokens(stack, subject) {
  return api(stack, 'revoke', '--user', subject);
}

/** A restaurant that nobody else knows; its id. */
export async function makeRestaurant(stack, name) {
  return sql(
    stack,
    `WITH made AS (INSERT INTO restaurants (id, name, currency) VALUES (gen_random_uuid(), '${name}', 'KRW') RETURNING id)
     INSERT INTO restaurant_streams (restaurant_id) SELECT id FROM made RETURNING restaurant_id`,
  );
}

/** What an owner asks of the API under /restaurants/me/; the reply's body. */
export async function askAsOwner(stack, restaurantId, method, path, body) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${await mintToken(stack, 'owner', { restaurantIds: [restaurantId] })}` };
  const reply = await fetch(`${stack.edgeUrl}/api/v1/restaurants/me/${path}`, { method, headers, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

/**
 * A restaurant of its own with a menu: rice, and soup of which a size has to be chosen and up to two toppings may be. The ids
 * of all that, by their names.
 */
export async function makeKitchen(stack, name) {
  const restaurant = await makeRestaurant(stack, name);
  const make = async (path, body) => (await askAsOwner(stack, restaurant, 'POST', `menu/${path}`, body)).id;
  const category_id = await make('categories', { name: 'Menu' });
  const makeItem = (item) => make('items', { category_id, ...item });
  const rice = await makeItem({ name: 'Rice', unit_amount: 1000, position: 0 });
  const soup = await makeItem({ name: 'Soup', unit_amount: 9000, position: 1 });
  const makeGroup = (group) => make('option-groups', { item_id: soup, ...group });
  const size = await makeGroup({ name: 'Size', min_choices: 1, max_choices: 1, position: 0 });
  const toppings = await makeGroup({ name: 'Toppings', min_choices: 0, max_choices: 2, position: 1 });
  const options = {};
  for (const [position, [group_id, option, extra_amount]] of [[size, 'Regular', 0], [size, 'Large', 1500], [toppings, 'Egg', 500], [toppings, 'Tofu', 700], [toppings, 'Truffle', 9900]].entries())
    options[option] = await make('options', { group_id, name: option, extra_amount, position });
  return { restaurant, rice, soup, size, toppings, ...options };
}

/** Marks items and options of a restaurant as sold out, or as there again. */
export function setSoldOut(stack, restaurantId, change) {
  return askAsOwner(stack, restaurantId, 'POST', 'menu/sold-out', change);
}

/** Waits for what no page tells. */
export async function until(condition) {
  const end = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not come to this: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** For what no page can do: to make a restaurant impatient. */
export async function sql(stack, text) {
  const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, stack.DATABASE_URL]);
  return stdout.trim();
}

/** The name, as `deploy/local/ctl` knows it, of the hub that holds most sockets. */
export async function busiestHub(stack) {
  const sockets = await Promise.all(stack.HUB_ADMIN_URLS.split(' ').map(countSockets));
  return `hub-${sockets.indexOf(Math.max(...sockets)) + 1}`;
}

async function countSockets(adminUrl) {
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  const values = metrics.matchAll(/^ordersync_hub_sockets(?:\{[^}]*\})? (\d+)/gm);
  return Array.from(values, ([, value]) => Number(value)).reduce((sum, value) => sum + value, 0);
}

/** `kill` ends a program as kill -9 does, `start` returns when it is ready again. */
export async function control(verb, name) {
  await run(path.join(CHECKOUT, 'deploy/local/ctl'), ['--state', path.dirname(ENV_FILE), verb, name]);
}
