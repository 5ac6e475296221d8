/** A database with restaurants, and programs of the tests' own on it, with whichever Redis servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PROGRAM, makeSchema, start, until } from '../api/own.mjs';
import { env, sql } from '../api/stack.mjs';
import { Hub, restaurantPath } from '../hub/hub.mjs';

const run = promisify(execFile);
const RESTAURANTS = 12;
const restaurantId = (index) => `01890000-0000-7000-8000-${(0x10000 + index).toString(16).padStart(12, '0')}`;
export const restaurants = Array.from({ length: RESTAURANTS }, (_, index) => restaurantId(index));

/** The settings that say where Redis is. servers: a single one, or several by name. */
const whereIs = (servers) => {
  if (servers.url) return { ORDERSYNC_REDIS_URL: servers.url, ORDERSYNC_REDIS_URLS: '' };
  const list = Object.entries(servers).map(([name, { url }]) => `${name}=${url}`);
  return { ORDERSYNC_REDIS_URL: '', ORDERSYNC_REDIS_URLS: list.join(', ') };
};

const ready = async (port) => (await fetch(`http://127.0.0.1:${port}/ready`)).json();
const sees = (port) => until('all of Redis is up', async () => (await ready(port)).redis === 'ok');

export class Place {
  static async make() {
    const place = new Place();
    const database = await makeSchema();
    place.settings = { ORDERSYNC_DATABASE_URL: database };
    await place.call('seed', '--restaurants', String(RESTAURANTS));
    // Nobody works on the orders of these tests: alerts of old ones would come among the events of new ones.
    await sql('UPDATE restaurants SET display_within_s = 3600, accept_within_s = 3600, reject_after_s = NULL, refuse_when_unreachable = false', database);
    [place.token] = await place.call('token', '--role', 'staff', ...restaurants.flatMap((id) => ['--restaurant', id]));
    return place;
  }

  /** A short command of the API; its output's lines. */
  async call(...args) {
    const { stdout } = await run(PROGRAM, args, { env: { ...env, ...this.settings, ...(this.servers && whereIs(this.servers)) } });
    return stdout.trim().split('\n');
  }

  startApi = (servers) => start('serve', { ...this.settings, ...whereIs(servers) });
  startWorker = (servers) => start('work', { ...this.settings, ...whereIs(servers) });
  startHub = (servers, more) => Hub.start({ ...this.settings, ...whereIs(servers), ...more });

  /** All of them. */
  async start(servers, more = {}) {
    const [api, worker, hub] = await Promise.all([this.startApi(servers), this.startWorker(servers), this.startHub(servers, more)]);
    return Object.assign(this, { servers, api, worker, hub });
  }

  async stop() {
    await this.hub.stop();
    for (const program of [this.api, this.worker]) assert.deepEqual(await program.stop(), [0, null]);
  }

  async #ask(where, options) {
    const response = await fetch(`http://127.0.0.1:${this.api.port}/api/v1${where}`, options);
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Its id. */
  async order(restaurant) {
    const { items } = await this.#ask(`/restaurants/${restaurant}/menu`);
    const { item_id } = items.find(({ available, stock }) => available && stock === null);
    const body = { restaurant_id: restaurant, items: [{ item_id, quantity: 1 }], customer: { name: 'Test', phone: '+82 10 0000 0000', address: 'Somewhere 1' } };
    const headers = { 'content-type': 'application/json' };
    return (await this.#ask('/orders', { method: 'POST', headers, body: JSON.stringify(body) })).order.order_id;
  }

  /** A tablet that has been told where it stands. */
  async tablet(restaurant, { position = null, hub = this.hub, token = this.token } = {}) {
    const tablet = hub.connect(restaurantPath(restaurant), { token });
    await tablet.opened;
    tablet.say({ type: 'resume', position });
    await tablet.next('hello');
    return tablet;
  }

  /** Waits until API and hub have all of Redis. */
  whole = () => Promise.all([sees(this.api.port), sees(new URL(this.hub.adminUrl).port)]);

  tablets = (options) => Promise.all(restaurants.map((restaurant) => this.tablet(restaurant, options)));

  /** Of how many gaps the hub had to ask PostgreSQL or Redis for. */
  async repairs() {
    const counts = await Promise.all(['redis', 'database'].map((source) => this.hub.metric('gaps_repaired_total', `{source="${source}"}`)));
    return counts[0] + counts[1];
  }
}

/** Of the next event the order's id. */
export const subjectOf = async (tablet) => (await tablet.next('event')).event.subject;
