/** Redis servers of a test's own, each on a Unix socket, to be killed and to be brought back empty. */
import { after } from 'node:test';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const servers = new Set();
after(() => servers.forEach((server) => server.remove()));

export class Redis {
  static async start() {
    const server = new Redis();
    servers.add(server);
    server.folder = mkdtempSync(path.join(tmpdir(), 'ordersync-shard-'));
    server.url = `unix:${server.folder}/socket`;
    await server.begin();
    return server;
  }

  async begin() {
    const options = ['--port', '0', '--unixsocket', `${this.folder}/socket`, '--save', '', '--appendonly', 'no', '--dir', this.folder];
    this.child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const text of this.child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false }))
      if (text.includes('accept connections')) break;
    this.child.stdout.resume();
    this.child.unref();
    this.child.stdout.unref();
  }

  /** A command, and its answer. */
  async ask(...words) {
    const { stdout } = await run('redis-cli', ['-s', `${this.folder}/socket`, '--json', ...words]);
    return JSON.parse(stdout);
  }

  kill = () => this.child.kill('SIGKILL');
  pause = () => this.child.kill('SIGSTOP');
  resume = () => this.child.kill('SIGCONT');

  remove() {
    this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
