/** Redis servers of a test's own, to be killed and to be brought back empty, and Sentinels that watch over two of them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from '../api/own.mjs';
import { atEnd } from '../endings.mjs';

const NO_DISK = ['save ""', 'appendonly no'];
const run = promisify(execFile);

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** On a Unix socket, or on a port of 127.0.0.1. settings: further lines of its configuration. */
export class Redis {
  static async start({ port = 0, settings = NO_DISK, args = [] } = {}) {
    const server = new Redis();
    atEnd(() => server.remove());
    server.folder = mkdtempSync(path.join(tmpdir(), 'ordersync-shard-'));
    server.socket = `${server.folder}/socket`;
    server.url = port ? `redis://127.0.0.1:${port}` : `unix:${server.socket}`;
    server.port = port;
    server.args = [`${server.folder}/config`, ...args];
    const own = [`bind 127.0.0.1`, `port ${port}`, `unixsocket ${server.socket}`, `dir ${server.folder}`];
    writeFileSync(server.args[0], [...own, ...settings].join('\n'));
    await server.begin();
    return server;
  }

  async begin() {
    this.child = spawn('redis-server', this.args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.isUp = false;
    for await (const text of this.child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      this.isUp = /accept connections|Sentinel ID is|monitor master/.test(text);
      if (this.isUp) break;
    }
    this.child.stdout.resume();
    this.child.unref();
    this.child.stdout.unref();
  }

  /** A command, and its answer as it is read by people. */
  async tell(...words) {
    const { stdout } = await run('redis-cli', ['-s', this.socket, ...words.map(String)], { env: { ...process.env, REDISCLI_AUTH: this.password } });
    return stdout;
  }

  /** A command, and its answer. */
  ask = async (...words) => JSON.parse(await this.tell('--json', ...words));

  kill = () => this.child.kill('SIGKILL');
  pause = () => this.child.kill('SIGSTOP');
  resume = () => this.child.kill('SIGCONT');

  remove() {
    this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const PASSWORD = 'p;a@ss/word'; // of master and replica; Sentinels have none
const NAME = 'kitchen';

/** A master, a replica, and three Sentinels that make the one the other when they miss the former for a second. */
export class Watched {
  static async start() {
    const watched = new Watched();
    const guarded = [...NO_DISK, `requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`, 'repl-diskless-sync-delay 0'];
    const first = await Redis.start({ port: await freePort(), settings: guarded });
    const second = await Redis.start({ port: await freePort(), settings: [...guarded, `replicaof 127.0.0.1 ${first.port}`] });
    watched.servers = [first, second];
    for (const server of watched.servers) server.password = PASSWORD;
    await until('the replica follows', async () => (await second.ask('ROLE'))[3] === 'connected');
    watched.sentinels = [];
    for (let i = 0; i < 3; i++) watched.sentinels.push(await watched.#addSentinel(first.port));
    const addresses = watched.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(';');
    watched.url = `sentinel://:${encodeURIComponent(PASSWORD)}@${addresses}/${NAME}`;
    for (const sentinel of watched.sentinels) await until('the Sentinels know all', () => watched.#isInformed(sentinel));
    return watched;
  }

  async #addSentinel(masterPort) {
    const settings = [
      `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
      `sentinel auth-pass ${NAME} "${PASSWORD}"`,
      `sentinel down-after-milliseconds ${NAME} 1000`,
      `sentinel failover-timeout ${NAME} 3000`,
    ];
    return Redis.start({ port: await freePort(), settings, args: ['--sentinel'] });
  }

  async #isInformed(sentinel) {
    const [master] = await sentinel.ask('SENTINEL', 'MASTERS');
    const replicas = await sentinel.ask('SENTINEL', 'REPLICAS', NAME);
    return master['num-other-sentinels'] === '2' && replicas.some((one) => one.flags === 'slave' && one['master-link-status'] === 'ok');
  }

  /** The same, but first of all a Sentinel is asked that takes that server for the master. */
  async urlBeside(server) {
    const answer = ['127.0.0.1', String(server.port)].map((text) => `$${text.length}\r\n${text}\r\n`).join('');
    const sentinel = net.createServer((client) => client.on('error', () => {}).on('data', () => client.write(`*2\r\n${answer}`)));
    await once(sentinel.listen(0, '127.0.0.1').unref(), 'listening');
    return this.url.replace('@', `@127.0.0.1:${sentinel.address().port};`);
  }

  /** Which of the servers a Sentinel takes for the master. */
  async master(sentinel = this.sentinels.at(-1)) {
    const [, port] = await sentinel.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME);
    return this.servers.find((server) => server.port === Number(port));
  }

  /** Makes the replica the master, without anybody having died. */
  swap = () => this.sentinels.at(-1).ask('SENTINEL', 'FAILOVER', NAME);

  /** Waits until another server than that is the master, and has taken up its office. */
  async follow(former) {
    return until('there is another master', async () => {
      const master = await this.master();
      return master !== former && (await master.ask('ROLE'))[0] === 'master' && master;
    });
  }

  /** Waits until the server follows the master, and the Sentinels know it. */
  async settle() {
    await until('the former master is a replica', async () => (await this.#isInformed(this.sentinels.at(-1))) === true);
  }
}

/** Three masters with a replica each, which takes over from one that is missed for three seconds. */
export class Cluster {
  static async start() {
    const cluster = new Cluster();
    cluster.servers = [];
    for (let i = 0; i < 6; i++) cluster.servers.push(await Cluster.#startServer());
    const addresses = cluster.servers.map(({ port }) => `127.0.0.1:${port}`);
    await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'], {
      env: { ...process.env, REDISCLI_AUTH: PASSWORD },
    });
    cluster.url = `cluster://:${encodeURIComponent(PASSWORD)}@${addresses.slice(0, 3).join(';')}`;
    for (const server of cluster.servers) await until('everybody knows everybody', () => cluster.#isInformed(server));
    return cluster;
  }

  static async #startServer() {
    const settings = [
      ...NO_DISK,
      `requirepass "${PASSWORD}"`,
      `masterauth "${PASSWORD}"`,
      'repl-diskless-sync-delay 0',
      'cluster-enabled yes',
      'cluster-node-timeout 3000',
      'cluster-replica-validity-factor 0',
      `cluster-port ${await freePort()}`,
    ];
    const server = await Redis.start({ port: await freePort(), settings });
    if (!server.isUp) return Cluster.#startServer(); // somebody was faster with a port
    server.password = PASSWORD;
    server.id = await server.ask('CLUSTER', 'MYID');
    return server;
  }

  /** It knows three masters with a replica each, and its own is in order when it is one. */
  async #isInformed(server) {
    const [ranges, role] = [await server.ask('CLUSTER', 'SLOTS'), await server.ask('ROLE')];
    const masters = new Set(ranges.map(([, , [, port]]) => port));
    const isWhole = masters.size === 3 && ranges.every((range) => range.length === 4);
    return isWhole && (await server.tell('CLUSTER', 'INFO')).includes('cluster_state:ok') && (role[0] === 'master' || role[3] === 'connected');
  }

  /** Waits until every server of the cluster is up, and every master has its replica. */
  async settle() {
    for (const server of this.servers) await until('everybody knows everybody', () => this.#isInformed(server));
  }

  slotOf = (key) => this.servers[0].ask('CLUSTER', 'KEYSLOT', key);

  /** The master that has the slot, by word of another server than excluded. */
  async owner(slot, excluded) {
    const [witness] = this.servers.filter((server) => server !== excluded);
    const ranges = await witness.ask('CLUSTER', 'SLOTS');
    const [, , [, port]] = ranges.find(([first, last]) => first <= slot && slot <= last);
    return this.servers.find((server) => server.port === port);
  }

  async masters() {
    const ranges = await this.servers[0].ask('CLUSTER', 'SLOTS');
    const ports = new Set(ranges.map(([, , [, port]]) => port));
    return this.servers.filter(({ port }) => ports.has(port));
  }

  /** From here on keys that the slot does not have are for the other server (ASK). */
  async beginMove(slot, from, to) {
    await to.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  }

  async moveKeys(slot, from, to) {
    const keys = await from.ask('CLUSTER', 'GETKEYSINSLOT', slot, 100);
    if (keys.length > 0) await from.ask('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'AUTH', PASSWORD, 'KEYS', ...keys);
  }

  /** From here on the slot is the other's (MOVED). */
  async endMove(slot, from, to) {
    for (const server of [to, from]) await server.ask('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }

  async move(slot, from, to) {
    await this.beginMove(slot, from, to);
    await this.moveKeys(slot, from, to);
    await this.endMove(slot, from, to);
  }
}
