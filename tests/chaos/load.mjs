// ordersync-loadtest as the recorder: outside of everything that is killed, an open loop, and the judge of what
// arrived.

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { root, until } from './tools.mjs'

const LOAD_SECONDS = 7200 // longer than any run: the load ends when the faults are through
const SETTLE_SECONDS = 90
const RAMP_WITHIN_MS = 10 * 60_000

export class Load {
  #child
  #exit
  #folder
  #sockets
  output = ''

  /** size: options of the load test by name; tablets and customers among them; true: an option without a value. */
  static async start(program, envFile, size) {
    const load = new Load()
    load.#folder = await mkdtemp(join(tmpdir(), 'ordersync-load-'))
    load.#sockets = size.tablets + size.customers + (size.dashboards ?? 0)
    const options = { seconds: LOAD_SECONDS, settle: SETTLE_SECONDS, ...size, env: envFile, json: load.#path('json') }
    options.acknowledged = load.acknowledged
    const args = Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))
    load.#child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    load.#child.stdout.on('data', (bytes) => (load.output += bytes))
    load.#child.stderr.on('data', (bytes) => (load.output += bytes))
    load.#exit = new Promise((resolve) => load.#child.on('close', resolve))
    return load
  }

  #path(name) {
    return join(this.#folder, name)
  }

  get #isOver() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #hasEnded() {
    return new Error(`the load test ended by itself\n${this.output.slice(-3000)}`)
  }

  /** All sockets are open and orders flow. */
  async begun() {
    await until('the load begins', () => this.#isOver || /^load /m.test(this.output), RAMP_WITHIN_MS)
    if (this.#isOver) throw this.#hasEnded()
  }

  /** Asks for a line of progress: { live, reconnects }; live: how many sockets are up to date. */
  async progress() {
    if (this.#isOver) throw this.#hasEnded()
    const before = this.output.length
    this.#child.kill('SIGUSR2')
    await until('the load test answers', () => this.#isOver || this.output.indexOf('\n', before) >= 0, 30_000)
    const [, live, reconnects] = /.*  live (\d+) .*  reconnects (\d+)/.exec(this.output.slice(before)) ?? [0, 0, 0]
    return { live: Number(live), reconnects: Number(reconnects) }
  }

  /** Waits until every socket is open and has all that it missed. */
  allCurrent(patienceMs) {
    return until('all sockets are current', async () => (await this.progress()).live >= this.#sockets, patienceMs)
  }

  /** Sets or ends the mark: what reaches a socket in between has latencies of its own in the figures. */
  mark() {
    this.#child.kill('SIGUSR1')
  }

  /** Waits until the load is over by itself, as its option `seconds` says; the verdict. */
  async over() {
    const status = await this.#exit
    return { status, figures: await this.#figures() }
  }

  async #figures() {
    return JSON.parse(await readFile(this.#path('json'), 'utf8').catch(() => 'null'))
  }

  /** The file with the ids of all orders that were answered with 201; written with the verdict. */
  get acknowledged() {
    return this.#path('acknowledged')
  }

  /** Ends the load and waits for the verdict: { status, figures }; status 0 is good. */
  async verdict() {
    this.#child.kill('SIGINT')
    return this.over()
  }

  async end() {
    if (!this.#isOver) this.#child.kill('SIGKILL')
    await this.#exit
    await rm(this.#folder, { recursive: true, force: true })
  }
}
