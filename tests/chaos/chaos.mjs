// The chaos run: ordersync-loadtest loads a whole local stack while parts of it are killed with SIGKILL and
// brought back. Afterwards every acknowledged event must have reached every socket, once and in order, and
// PostgreSQL must hold every stream without a hole. What is killed when comes from a seed, which is printed.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { tryTheJudge } from './judge.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const ownState = '.local-chaos'

const usage = `usage: tests/chaos/run [--quick | --full] [--seed N] [--faults NAME,...] [--preset NAME]

Uses the stack whose environment file OSY_ENV_FILE names, or brings one up in ${ownState} and ends it.

  --quick        one load of 200 tablets and 400 customers through all faults (default)
  --full         each fault three times under 2,000 tablets and 8,000 customers, then all faults mixed
  --seed N       repeats the order and the moments of a former run
  --faults LIST  only these
  --preset NAME  of the stack that it brings up (dev; for --full failpoints, the release build with them)
  --no-judge     do not try the load test's judge first
`

const loads = {
  quick: { tablets: 200, customers: 400, restaurants: 50, rate: 50 },
  full: { tablets: 2000, customers: 8000, restaurants: 200, rate: 200 },
}
const LOAD_SECONDS = 3600 // longer than any run: the load ends when the faults are through
const SETTLE_SECONDS = 60
const HEALTHY_WITHIN_MS = 60_000
const STEP_WITHIN_MS = 120_000

// What is done to the stack, by name. Every fault ends with its victim started again.
const faults = {
  redis: killAndStart('redis'),
  hub: killAndStart('hub-1'),
  api: killAndStart('api-1'),
  // Dies right after the commit: the POST has no answer, and nothing is published.
  api_after_commit: dieAt('api-1', 'writer.committed'),
  // Dies between the reply and the publication: only the reconciler knows of the event.
  api_before_publish: dieAt('api-1', 'publish.before'),
  postgres: killAndStart('postgres'),
  worker: killAndStart('worker-1'),
  // Leaves in an orderly way, as in a deploy: drain, then 1012.
  hub_drain: (stack) => stack.ctl('restart', 'hub-2'),
}

function killAndStart(name) {
  return async (stack, random) => {
    await stack.ctl('kill', name)
    await pause(1000 * random())
    await stack.ctl('start', name)
  }
}

function dieAt(name, failpoint) {
  const fault = async (stack, random) => {
    const pass = 1 + Math.floor(20 * random())
    // Under load it may die before ctl has seen it ready: then ctl fails, and that is fine.
    const env = { OSY_FAILPOINTS: `${failpoint}=kill:${pass}` }
    await stack.ctl('restart', name, env).catch(() => {})
    await until(`${name} dies at ${failpoint}`, async () => !(await stack.isRunning(name)))
    await stack.ctl('start', name)
  }
  fault.needsFailpoints = true
  return fault
}

// --- small tools ---

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for a condition. The limit only ends a run that would hang. */
async function until(what, condition, limitMs = STEP_WITHIN_MS) {
  const deadline = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`)
    await pause(100)
  }
}

/** mulberry32: small, seeded, good enough to choose moments. */
function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function shuffled(items, random) {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[result[i], result[j]] = [result[j], result[i]]
  }
  return result
}

function run(program, args, { env = {}, timeoutMs = STEP_WITHIN_MS } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (bytes) => (stdout += bytes))
    child.stderr.on('data', (bytes) => (stderr += bytes))
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.on('error', reject)
    // Not 'close': a server that was started on the way may keep our pipes.
    child.on('exit', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(stdout)
      else reject(new Error(`${program} ${args.join(' ')}: exit ${code}\n${stderr.slice(-2000)}`))
    })
  })
}

// --- the stack ---

class Stack {
  constructor(envFile) {
    this.envFile = envFile
  }

  /** The assignments of the environment file, as they are now. */
  async env() {
    const text = await readFile(this.envFile, 'utf8')
    const pairs = [...text.matchAll(/^export (\w+)='(.*)'$/gm)]
    return Object.fromEntries(pairs.map(([, name, value]) => [name, value]))
  }

  async ctl(command, name, env) {
    const { STATE_DIR } = await this.env()
    await run('deploy/local/ctl', ['--state', STATE_DIR, command, name], { env })
  }

  async isRunning(name) {
    const { STATE_DIR } = await this.env()
    const status = await run('deploy/local/ctl', ['--state', STATE_DIR, 'status'])
    return new RegExp(`^${name} +pid `, 'm').test(status)
  }

  async #isHealthy() {
    const env = await this.env()
    const urls = `${env.API_URLS} ${env.HUB_ADMIN_URLS} ${env.WORKER_ADMIN_URLS ?? ''}`
    const ready = await Promise.all(urls.split(' ').filter(Boolean).map(isReady))
    return ready.every(Boolean)
  }

  healthy() {
    return until('all parts are ready', () => this.#isHealthy(), HEALTHY_WITHIN_MS)
  }

  /** The password goes through the environment: arguments show in process lists and in our errors. */
  async query(sql) {
    const url = new URL((await this.env()).DATABASE_URL)
    const env = {
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: decodeURIComponent(url.username),
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: url.pathname.slice(1),
    }
    return (await run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql], { env })).trim()
  }
}

/** Ready, with all that it depends on: an API without Redis still calls itself ready. */
async function isReady(url) {
  try {
    const reply = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2000) })
    const { database, redis } = await reply.json()
    return reply.ok && database === 'ok' && redis === 'ok'
  } catch {
    return false
  }
}

async function bringUp(preset) {
  console.log(`bringing up a stack (${preset}) in ${ownState}`)
  const args = ['--detach', '--preset', preset, '--state', ownState, '--port-base', '18480']
  await run('deploy/local/up', args, { timeoutMs: 20 * 60_000 })
  return new Stack(join(root, ownState, 'env'))
}

// --- the load ---

class Load {
  #child
  #exit
  output = ''

  constructor(program, envFile, size) {
    const args = Object.entries({ ...size, seconds: LOAD_SECONDS, settle: SETTLE_SECONDS, env: envFile })
    this.#child = spawn(program, args.flatMap(([name, value]) => [`--${name}`, String(value)]), {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout.on('data', (bytes) => (this.output += bytes))
    this.#child.stderr.on('data', (bytes) => (this.output += bytes))
    this.#exit = new Promise((resolve) => this.#child.on('close', resolve))
  }

  get #isOver() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** All sockets are open and orders flow. */
  async begun() {
    const hasBegun = () => this.#isOver || /^load /m.test(this.output)
    await until('the load begins', hasBegun, 10 * 60_000)
    if (this.#isOver) throw new Error('the load test ended before its load')
  }

  /** Ends the load and waits for the verdict; the exit status, 0 is good. */
  async verdict() {
    this.#child.kill('SIGINT')
    return this.#exit
  }

  async end() {
    if (!this.#isOver) this.#child.kill('SIGKILL')
    await this.#exit
  }
}

// --- what PostgreSQL must say afterwards ---

const truths = [
  {
    name: 'there are events at all',
    sql: 'SELECT count(*) = 0 FROM order_events',
  },
  {
    name: "every restaurant's events are numbered 1 to its counter",
    sql: `SELECT count(*) <> 0 FROM restaurant_streams s LEFT JOIN (
            SELECT restaurant_id, count(*) AS events, min(seq) AS first, max(seq) AS last
              FROM order_events GROUP BY restaurant_id) e USING (restaurant_id)
           WHERE s.seq <> coalesce(e.events, 0) OR s.seq <> coalesce(e.last, 0)
              OR coalesce(e.first, 1) <> 1`,
  },
  {
    name: "every order's events are numbered 1 to its version",
    sql: `SELECT count(*) <> 0 FROM orders o LEFT JOIN (
            SELECT order_id, count(*) AS events, max(order_version) AS last
              FROM order_events GROUP BY order_id) e ON e.order_id = o.id
           WHERE o.version <> coalesce(e.events, 0) OR o.version <> coalesce(e.last, 0)`,
  },
  {
    name: 'no idempotency key made two orders',
    sql: `SELECT count(*) <> 0 FROM (
            SELECT 1 FROM idempotency WHERE order_version = 1
             GROUP BY order_id HAVING count(*) > 1) twice`,
  },
]

// --- the run ---

const results = []

/** Runs a step and notes how it went. Returns whether it passed. */
async function step(name, work) {
  const began = Date.now()
  let error
  await work().catch((caught) => (error = caught))
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  results.push({ name, passed: !error })
  console.log(`${error ? 'FAILED' : 'ok    '} ${name.padEnd(56)} ${seconds.padStart(7)} s`)
  if (error) console.log(error.message)
  return !error
}

/** One load test, and the faults one after the other while it runs. */
async function round(title, stack, names, size, random) {
  const { BIN_DIR } = await stack.env()
  const load = new Load(join(BIN_DIR, 'ordersync-loadtest'), stack.envFile, size)
  try {
    if (!(await step(`${title}: sockets open, orders flow`, () => load.begun()))) {
      console.log(load.output)
      return
    }
    for (const name of names) {
      await pause(1000 + 1000 * random()) // some orders between two faults
      await step(`${title}: ${name}`, async () => {
        await faults[name](stack, random)
        await stack.healthy()
      })
    }
    await pause(1000)
    await step(`${title}: every event reached every socket once, in order`, async () => {
      const status = await load.verdict()
      if (status !== 0) throw new Error(`the load test says ${status}`)
    })
    console.log(load.output.slice(load.output.search(/^sockets /m)))
  } finally {
    await load.end()
  }
  for (const { name, sql } of truths)
    await step(`${title}: ${name}`, async () => {
      if ((await stack.query(sql)) !== 'f') throw new Error(`PostgreSQL says otherwise: ${sql}`)
    })
}

/** Prints the last line that tests/run reads. */
function finish(seed) {
  const failed = results.filter((result) => !result.passed).length
  if (seed) console.log(`seed ${seed}`)
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed > 0 ? 1 : 0
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      faults: { type: 'string' },
      preset: { type: 'string' },
      'no-judge': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const unknown = (values.faults?.split(',') ?? []).filter((name) => !faults[name])
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown}; there are ${Object.keys(faults)}`)

  const random = randomFrom(Number(values.seed))
  console.log(`seed ${values.seed}`)
  const given = process.env.OSY_ENV_FILE
  if (given && !existsSync(given)) throw new Error(`OSY_ENV_FILE: there is no ${given}`)
  const stack = given ? new Stack(resolve(given)) : await bringUp(values.preset ?? (values.full ? 'failpoints' : 'dev'))
  try {
    const { BIN_DIR } = await stack.env()
    if (!values['no-judge']) {
      const { passed, failed } = await tryTheJudge(join(BIN_DIR, 'ordersync-loadtest'))
      for (let i = 0; i < passed + failed; i++) results.push({ passed: i < passed })
    }
    await stack.healthy()
    const hasFailpoints = (await readFile(join(BIN_DIR, 'ordersync-api'))).includes('OSY_FAILPOINTS')
    const wanted = values.faults?.split(',') ?? Object.keys(faults)
    const possible = wanted.filter((name) => hasFailpoints || !faults[name].needsFailpoints)
    for (const name of wanted.filter((name) => !possible.includes(name)))
      console.log(`left out: ${name} (this build has no failpoints)`)
    const size = values.full ? loads.full : loads.quick
    if (values.full)
      for (const name of possible) await round(name, stack, [name, name, name], size, random)
    await round('all', stack, shuffled(possible, random), size, random)
  } finally {
    if (!given) await run('deploy/local/down', ['--state', ownState])
  }
  return finish(values.seed)
}

main().then(
  (status) => (process.exitCode = status),
  (error) => {
    console.error(error.message)
    results.push({ name: 'the chaos run itself', passed: false })
    process.exitCode = finish()
  },
)
