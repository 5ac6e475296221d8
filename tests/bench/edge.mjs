// The edge with TLS beside the edge without: what a socket and a delivery cost nginx. Both run in turn, several rounds,
// each time as a new process in front of the same hub.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'

import { Stack, takeDown } from '../chaos/stack.mjs'
import { root, run, until } from '../chaos/tools.mjs'

const state = '.local-bench-edge'

const usage = `usage: tests/bench/edge [--rounds N] [--sockets N] [--events N] [--port-base P]

Brings up a stack (release build, one hub) in ${state} and ends it. In front of its hub nginx runs with the template of
deploy/nginx, as it is and with TLS 1.3 added (a P-256 certificate, full handshakes, ssl_buffer_size 4k). Measures of
all nginx processes, without the hub and the clients:

  open      CPU per socket from its connection to \`hello\`; with TLS the handshake is part of it
  memory    that an open socket keeps (Pss, so without what the kernel keeps)
  delivery  CPU per delivery, each event of a restaurant going to 5 sockets

  --rounds N     (3)
  --sockets N    a multiple of 5 (2000)
  --events N     of each restaurant (50)
  --port-base P  (19180)
`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    sockets: { type: 'string', default: '2000' },
    events: { type: 'string', default: '50' },
    'port-base': { type: 'string', default: '19180' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const WATCHERS = 5 // of each restaurant
const OPENING_AT_ONCE = 16
const say = (text) => console.error(text)

// --- what nginx costs ---

/** The master and its workers. */
async function processesOf(master) {
  const children = await readFile(`/proc/${master}/task/${master}/children`, 'utf8')
  return [String(master), ...children.trim().split(' ').filter(Boolean)]
}

async function sumOver(pids, read) {
  const values = await Promise.all(pids.map(read))
  return values.reduce((a, b) => a + b, 0)
}

const cpuUs = (pids) => sumOver(pids, async (pid) => Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e3)
const pssBytes = (pids) => sumOver(pids, async (pid) => Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024)

// --- nginx ---

/** The stack's own configuration, with the other listener. */
async function writeConfig(env, port) {
  const folder = join(env.STATE_DIR, 'nginx')
  const key = join(folder, 'edge.key'), certificate = join(folder, 'edge.crt')
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate])
  const plain = await readFile(join(folder, 'nginx.conf'), 'utf8')
  const tls = `listen 127.0.0.1:${port} ssl backlog=4096; ssl_protocols TLSv1.3; ssl_buffer_size 4k; ssl_session_tickets off; ssl_certificate ${certificate}; ssl_certificate_key ${key};`
  const changed = plain.replace(/^\s*listen .*$/m, tls)
  if (changed === plain) throw new Error('the configuration of nginx has no listener')
  await writeFile(join(folder, 'tls.conf'), changed)
  return { plain: join(folder, 'nginx.conf'), tls: join(folder, 'tls.conf') }
}

const isListening = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() && true))
    socket.on('error', () => resolve(false))
  })

/** Runs body while nginx does. */
async function duringNginx(env, config, port, body) {
  const child = spawn('nginx', ['-p', join(env.STATE_DIR, 'nginx'), '-c', config, '-e', 'stderr', '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    await until('nginx listens', () => isListening(port), 10_000)
    return await body(await processesOf(child.pid))
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

// --- clients ---

/** A masked frame whose mask is nought. */
const textFrame = (text) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])

/** A WebSocket that only counts: server frames have a length of 7 or 16 bits here. */
class Client {
  #rest = Buffer.alloc(0)
  #isUpgraded = false
  messages = 0

  constructor(server, isTls, restaurant, token, onMessage) {
    this.onMessage = onMessage
    this.socket = isTls ? connectTls({ ...server, rejectUnauthorized: false }) : connect(server)
    this.socket.setNoDelay(true)
    this.socket.on('data', (bytes) => this.#take(bytes))
    this.socket.on('error', (error) => say(error.message))
    this.socket.write(
      `GET /ws/restaurants/${restaurant}/orders HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ordersync.v1\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n' +
        `Authorization: Bearer ${token}\r\n\r\n`,
    )
  }

  #take(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes])
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!this.#rest.toString('latin1', 0, 12).endsWith(' 101')) throw new Error(this.#rest.toString('latin1', 0, end))
      this.#isUpgraded = true
      this.#rest = this.#rest.subarray(end + 4)
    }
    while (this.#takeFrame());
  }

  #takeFrame() {
    const rest = this.#rest
    if (rest.length < 4) return false
    const isLong = rest[1] === 126
    const end = isLong ? 4 + rest.readUInt16BE(2) : 2 + rest[1]
    if (rest.length < end) return false
    this.#rest = rest.subarray(end)
    if (rest[0] !== 0x81) throw new Error(`a frame that begins with ${rest[0]}`)
    this.messages++
    this.onMessage()
    return true
  }
}

/** All clients, greeted, and then live. */
async function openAll({ server, isTls, restaurants, token }) {
  const clients = []
  const count = restaurants.length * WATCHERS
  const crowd = { clients, count, messages: 0 }
  const onMessage = () => crowd.messages++
  crowd.has = (messages) => until(`${messages} messages`, () => crowd.messages >= messages, 120_000)
  while (clients.length < count) {
    for (let i = 0; i < OPENING_AT_ONCE && clients.length < count; i++)
      clients.push(new Client(server, isTls, restaurants[clients.length % restaurants.length], token, onMessage))
    await crowd.has(clients.length)
  }
  return crowd
}

// --- events ---

const data = JSON.stringify({ id: randomUUID(), code: 'K7Q2', status: 'PENDING', version: 1, total_amount: 26500, note: 'x'.repeat(400) })

function envelope(restaurant, seq, id, previousId) {
  const head = `{"specversion":"1.0","id":"${id}","source":"/restaurants/${restaurant}","type":"order.created","subject":"${randomUUID()}"`
  return `${seq} 1 ${previousId} ${head},"time":"${new Date().toISOString()}","datacontenttype":"application/json","data":${data}}`
}

const NIL = '00000000-0000-0000-0000-000000000000'
const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const command = (...words) => `*${words.length}\r\n${words.map(bulk).join('')}`

/** Nobody has these events but Redis' subscribers. last: by restaurant, from one round to the next. */
async function publishTurn(redis, restaurants, last) {
  let commands = ''
  for (const restaurant of restaurants) {
    const { seq, id } = last.get(restaurant) ?? { seq: 0, id: NIL }
    const next = { seq: seq + 1, id: randomUUID() }
    commands += command('PUBLISH', `os:{${restaurant}}:live`, envelope(restaurant, next.seq, next.id, id))
    last.set(restaurant, next)
  }
  redis.write(commands)
}

async function connectRedis(url) {
  const { hostname, port, password } = new URL(url)
  const redis = connect(Number(port), hostname)
  redis.setNoDelay(true)
  redis.on('data', (bytes) => {
    if (bytes.includes('-')) throw new Error(bytes.toString())
  })
  await once(redis, 'connect')
  if (password) redis.write(command('AUTH', decodeURIComponent(password)))
  return redis
}

// --- a round ---

async function measure(setting, isTls) {
  const { env, configs, ports, redis, restaurants, last } = setting
  const port = isTls ? ports.tls : ports.plain
  return duringNginx(env, isTls ? configs.tls : configs.plain, port, async (pids) => {
    const before = { cpu: await cpuUs(pids), pss: await pssBytes(pids) }
    const crowd = await openAll({ ...setting, isTls, server: { host: '127.0.0.1', port } })
    const opened = { cpu: await cpuUs(pids), pss: await pssBytes(pids) }
    for (const { socket } of crowd.clients) socket.write(textFrame('{"type":"resume","position":null}'))
    await crowd.has(2 * crowd.count)
    const live = await cpuUs(pids)
    for (let turn = 1; turn <= Number(options.events); turn++) {
      await publishTurn(redis, restaurants, last)
      await crowd.has((2 + turn) * crowd.count)
    }
    const done = await cpuUs(pids)
    for (const { socket } of crowd.clients) socket.destroy()
    return {
      open: (opened.cpu - before.cpu) / crowd.count,
      memory: (opened.pss - before.pss) / crowd.count,
      delivery: (done - live) / (crowd.count * Number(options.events)),
    }
  })
}

// --- what is said of it ---

const figures = { open: 'open, CPU us per socket', memory: 'memory, bytes per open socket', delivery: 'CPU us per delivery' }
const short = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

function shown(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return `${short(sorted[Math.floor(sorted.length / 2)])} (${short(sorted[0])} to ${short(sorted.at(-1))})`
}

function printTable(rounds) {
  console.log('| | plain | TLS | more with TLS |\n|---|---|---|---|')
  for (const [key, name] of Object.entries(figures)) {
    const of = (kind) => rounds.map((round) => round[kind][key])
    console.log(`| ${name} | ${shown(of('plain'))} | ${shown(of('tls'))} | ${shown(rounds.map(({ plain, tls }) => tls[key] - plain[key]))} |`)
  }
}

// --- the program ---

/** PostgreSQL does not know these events, so it must not be asked for them. */
const hubEnv = { ORDERSYNC_CHECK_INTERVAL_MS: '600000', ORDERSYNC_STALE_MS: '600000', ORDERSYNC_HEARTBEAT_MS: '600000', ORDERSYNC_PING_IDLE_MS: '600000', ORDERSYNC_PING_BUSY_MS: '600000', ORDERSYNC_UPGRADES_PER_SECOND: '1000000' }

async function prepare(stack) {
  await stack.ctl('kill', 'worker-1')
  await stack.ctl('kill', 'nginx')
  await stack.ctl('stop', 'hub-1')
  await stack.ctl('start', 'hub-1', { env: hubEnv })
  const env = await stack.env()
  const forApi = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('ORDERSYNC_')))
  const api = (...args) => run(join(env.BIN_DIR, 'ordersync-api'), args, { env: forApi })
  const plain = Number(new URL(env.EDGE_URL).port)
  const ports = { plain, tls: plain + 1 }
  const count = Number(options.sockets) / WATCHERS
  return {
    env,
    ports,
    configs: await writeConfig(env, ports.tls),
    redis: await connectRedis(env.REDIS_URL),
    token: (await api('token', '--role', 'admin')).trim(),
    restaurants: (await api('seed', '--restaurants', String(count))).trim().split('\n').slice(0, count),
    last: new Map(),
  }
}

async function main() {
  if (options.help) return console.log(usage)
  for (const name of ['rounds', 'sockets', 'events', 'port-base'])
    if (!/^[1-9]\d{0,4}$/.test(options[name])) throw new Error(`--${name} must be a whole number from 1 to 99999`)
  if (Number(options.sockets) % WATCHERS) throw new Error(`--sockets must be a multiple of ${WATCHERS}`)
  await run('deploy/local/down', ['--state', state, '--purge'])
  await run('deploy/local/up', ['--detach', '--no-install', '--hubs', '1', '--state', state, '--port-base', options['port-base']], { timeoutMs: 20 * 60_000 })
  try {
    const setting = await prepare(new Stack(join(root, state, 'env')))
    const rounds = []
    for (let i = 0; i < Number(options.rounds); i++) {
      const round = { plain: await measure(setting, false), tls: await measure(setting, true) }
      say(`round ${i + 1}: ${JSON.stringify(round)}`)
      rounds.push(round)
    }
    setting.redis.destroy()
    printTable(rounds)
  } finally {
    await takeDown(state)
  }
}

main().catch((error) => {
  say(error.message)
  process.exitCode = 1
})
