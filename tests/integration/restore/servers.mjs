/** PostgreSQL servers that are stood by, promoted and restored, the one address behind which they stand, and a Redis. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { sql } from '../api/stack.mjs';
import { atEnd } from '../endings.mjs';

const run = promisify(execFile);
const VERSIONS = '/usr/lib/postgresql';
const newest = readdirSync(VERSIONS).sort((a, b) => Number(a) - Number(b)).at(-1);
const bin = (name) => path.join(VERSIONS, newest, 'bin', name);

/** PostgreSQL refuses to run as root. */
const AS_SERVER = process.getuid() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--'] : [];
const asServer = (...command) => {
  const [file, ...args] = [...AS_SERVER, ...command];
  return run(file, args, { cwd: '/' });
};

export async function makeFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'ordersync-restore-'));
  chmodSync(folder, 0o711);
  if (process.getuid() === 0) await run('chown', ['postgres', folder]);
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A TCP port that leads to a server's Unix socket, to another one later, or to nobody. */
export class Address {
  #connections = new Set();

  static async open() {
    const address = new Address();
    address.server = net.createServer((client) => address.#accept(client)).listen(0, '127.0.0.1');
    await once(address.server, 'listening');
    address.port = address.server.address().port;
    address.server.unref();
    return address;
  }

  #accept(client) {
    if (!this.path) {
      client.destroy();
      return;
    }
    const server = net.connect(this.path);
    this.#pipe(client, server);
    this.#pipe(server, client);
  }

  #pipe(from, to) {
    this.#connections.add(from);
    from.on('error', () => {}).on('close', () => {
      this.#connections.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }

  /** New connections go to that server, and those that there are end. */
  leadTo(server) {
    this.path = server?.socketPath;
    for (const connection of this.#connections) connection.destroy();
  }

  get url() {
    return `postgresql://test@127.0.0.1:${this.port}/postgres`;
  }
}

export class Postgres {
  constructor(folder, settings) {
    this.folder = folder;
    this.data = path.join(folder, 'data');
    this.settings = settings;
  }

  static async create(settings = {}) {
    const server = new Postgres(await makeFolder(), settings);
    await asServer(bin('initdb'), '-D', server.data, '-U', 'test', '-A', 'trust', '-E', 'UTF8', '--locale', 'C.UTF-8');
    return server.start();
  }

  /** A copy of this server as it is now, not started. */
  async backUp(settings = {}) {
    const copy = new Postgres(await makeFolder(), settings);
    await asServer(bin('pg_basebackup'), '-D', copy.data, '-d', this.url, '-X', 'stream', '-c', 'fast');
    return copy;
  }

  /** signal: `standby` or `recovery`, what it is to be until it is promoted. */
  async start(signal) {
    if (signal) await asServer('touch', path.join(this.data, `${signal}.signal`));
    const settings = { listen_addresses: '', unix_socket_directories: this.folder, fsync: 'off', ...this.settings };
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
    await asServer(bin('pg_ctl'), '-D', this.data, '-l', path.join(this.folder, 'log'), '-s', '-w', '-o', options.join(' '), 'start');
    atEnd(() => this.stop().catch(() => {}));
    return this;
  }

  stop() {
    return asServer(bin('pg_ctl'), '-D', this.data, '-m', 'immediate', '-s', 'stop');
  }

  async promote() {
    await asServer(bin('pg_ctl'), '-D', this.data, '-s', '-w', 'promote');
  }

  get socketPath() {
    return path.join(this.folder, '.s.PGSQL.5432');
  }

  get url() {
    return `postgresql:///postgres?host=${this.folder}&user=test`;
  }

  sql(text) {
    return sql(text, this.url);
  }
}

/** A Redis without persistence, on a Unix socket. */
export async function startRedis() {
  const folder = await makeFolder();
  const socket = path.join(folder, 'redis.sock');
  const config = path.join(folder, 'redis.conf');
  writeFileSync(config, `port 0\nunixsocket ${socket}\nsave ""\nappendonly no\ndir ${folder}\n`);
  const child = spawn('redis-server', [config], { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => child.kill('SIGKILL'));
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false }))
    if (text.includes('accept connections')) break;
  child.stdout.resume();
  child.unref();
  child.stdout.unref();
  const ask = async (...words) => (await run('redis-cli', ['-s', socket, '--json', ...words])).stdout.trim();
  return { url: `unix:${socket}`, ask: async (...words) => JSON.parse(await ask(...words)) };
}
