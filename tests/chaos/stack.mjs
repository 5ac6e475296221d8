// A running local stack (deploy/local) as the fault tests handle it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { root, run, until } from './tools.mjs'

export class Stack {
  kills = 0 // processes that we have killed, or that died at a failpoint
  patienceMs = 120_000 // within so long all is to be well after a fault
  extraEnv = {} // for each kind of program ('api', 'hub', 'worker'): variables that it is started with

  /** envFile: what deploy/local/up wrote. */
  constructor(envFile) {
    this.envFile = envFile
  }

  /** The assignments of the environment file, as they are now. */
  async env() {
    const text = await readFile(this.envFile, 'utf8')
    const pairs = [...text.matchAll(/^export (\w+)='(.*)'$/gm)]
    return Object.fromEntries(pairs.map(([, name, value]) => [name, value]))
  }

  /** deploy/local/ctl; the ports, if given, are those of proxies that the program shall meet the servers at. */
  async ctl(command, name, { env = {}, redisPort, postgresPort } = {}) {
    const args = ['--state', (await this.env()).STATE_DIR]
    if (redisPort) args.push('--redis-port', String(redisPort))
    if (postgresPort) args.push('--postgres-port', String(postgresPort))
    await run('deploy/local/ctl', [...args, command, name], { env: { ...this.extraEnv[name.split('-')[0]], ...env } })
    if (command === 'kill') this.kills++
  }

  async kill(name) {
    await this.ctl('kill', name)
  }

  /** It may be about to die by itself. */
  async killIfRunning(name) {
    if (!(await this.isRunning(name))) return
    await this.kill(name).catch(async (error) => {
      if (await this.isRunning(name)) throw error
    })
  }

  async start(name, options) {
    await this.ctl('start', name, options)
  }

  /** Starts whatever does not run. */
  async startAll() {
    for (const name of ['postgres', ...(await this.redisNames()), ...(await this.namesOf('api')), ...(await this.namesOf('hub')), 'worker-1', 'nginx'])
      if (!(await this.isRunning(name))) await this.start(name).catch((error) => console.log(error.message))
  }

  /** 'redis', 'redis-2', ... */
  async redisNames() {
    const count = ((await this.env()).ORDERSYNC_REDIS_URLS ?? '').split(',').length
    return Array.from({ length: count }, (_, index) => (index === 0 ? 'redis' : `redis-${index + 1}`))
  }

  /** The names of all programs of a kind: 'api', 'hub'. */
  async namesOf(kind) {
    const urls = (await this.env())[`${kind.toUpperCase()}_URLS`].split(' ')
    return urls.map((_, index) => `${kind}-${index + 1}`)
  }

  /** The process id of a running program, or null. A pid that was given to somebody else does not count. */
  async pidOf(name) {
    const { STATE_DIR } = await this.env()
    try {
      const [pid, started] = (await readFile(join(STATE_DIR, 'run', `${name}.pid`), 'utf8')).trim().split(' ')
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const isAlive = fields[0] !== 'Z' || Number(fields[17]) > 1 // a zombie's other threads still hold its ports
      return isAlive && fields[19] === started ? Number(pid) : null
    } catch {
      return null
    }
  }

  async isRunning(name) {
    return (await this.pidOf(name)) !== null
  }

  async logOf(name) {
    return readFile(join((await this.env()).STATE_DIR, 'log', `${name}.log`), 'utf8')
  }

  async #isHealthy() {
    const env = await this.env()
    const urls = `${env.API_URLS} ${env.HUB_ADMIN_URLS} ${env.WORKER_ADMIN_URLS ?? ''}`
    const ready = await Promise.all(urls.split(' ').filter(Boolean).map(isReady))
    return ready.every(Boolean)
  }

  /** Waits until every program says that it and all that it depends on are there. */
  healthy() {
    return until('all parts are ready', () => this.#isHealthy(), this.patienceMs)
  }

  /** The first value of a metric of a hub, 0 when it is not there (yet). */
  async hubMetric(name, text) {
    const index = Number(name.split('-')[1]) - 1
    const url = (await this.env()).HUB_ADMIN_URLS.split(' ')[index]
    const page = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) })).text()
    const line = page.split('\n').find((one) => one.startsWith(`${text} `))
    return line ? Number(line.slice(text.length)) : 0
  }

  /** As the application's role. */
  async query(sql) {
    return this.#psql((await this.env()).DATABASE_URL, sql)
  }

  /** As PostgreSQL's superuser, whose password is in the stack's own settings. */
  async queryAsSuperuser(sql) {
    const { DATABASE_URL, STATE_DIR } = await this.env()
    const url = new URL(DATABASE_URL)
    url.username = 'postgres'
    url.password = /^postgres_password=(\w+)$/m.exec(await readFile(join(STATE_DIR, 'config'), 'utf8'))[1]
    return this.#psql(url, sql)
  }

  /** The password goes through the environment: arguments show in process lists and in our errors. */
  async #psql(database, sql) {
    const url = new URL(database)
    const env = {
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: decodeURIComponent(url.username),
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: url.pathname.slice(1),
      PGCONNECT_TIMEOUT: '5',
    }
    return (await run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', '-'], { env, input: sql })).trim()
  }

  async redisPort() {
    return Number(new URL((await this.env()).REDIS_URL).port)
  }

  async postgresPort() {
    return Number(new URL((await this.env()).DATABASE_URL).port)
  }

  async redisPassword() {
    return decodeURIComponent(new URL((await this.env()).REDIS_URL).password)
  }

  /** A Redis command; each argument is sent as it is. */
  async redis(args, { port } = {}) {
    const env = { REDISCLI_AUTH: await this.redisPassword() }
    const at = ['-h', '127.0.0.1', '-p', String(port ?? (await this.redisPort())), '-e']
    return (await run('redis-cli', [...at, ...args.map(String)], { env, timeoutMs: 10_000 })).trim()
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

/**
 * Brings a stack of our own up, without the data of a former run, whose orders would be alerted and rejected in this
 * one. options: preset, state (a folder of the checkout), portBase, apis, redis.
 */
export async function bringUp({ preset, state, portBase, apis = 2, redis = 1, env = {} }) {
  console.log(`bringing up a stack (${preset}) in ${state}`)
  await run('deploy/local/down', ['--state', state, '--purge'])
  const args = ['--detach', '--no-install', '--preset', preset, '--state', state]
  await run('deploy/local/up', [...args, '--port-base', String(portBase), '--apis', String(apis), '--redis', String(redis)], {
    env,
    timeoutMs: 20 * 60_000,
  })
  return new Stack(join(root, state, 'env'))
}

export const takeDown = (state) => run('deploy/local/down', ['--state', state])

/** Resident memory of a process in MB, or 0 when it is gone. */
export async function residentMb(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
}
