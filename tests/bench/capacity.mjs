// The proofs of the whole system: each case is a scenario of the load test on a stack of its own, run several times, each
// time on a fresh one. Prints medians with their range, and keeps the figures of all runs and the page of the median one.

import { spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { Stack } from '../chaos/stack.mjs'
import { root, run } from '../chaos/tools.mjs'
import { probeDisk, DiskWatch } from './capacity_disk.mjs'
import { diskLine, holds, rounded, searchRate, tableOf } from './capacity_figures.mjs'
import { cpuSeconds, groupsOf, KernelWatch, proportionalBytes } from './capacity_machine.mjs'

const CASES = {
  peak: { search: true, hubs: 1, generators: 2, what: 'the most orders a second, each to two tablets and a third socket that stays' },
  'peak-customers': { search: true, hubs: 1, generators: 2, what: "the same, each to two tablets and to its customer's new socket" },
  steady: { hubs: 2, generators: 1, what: '1,000 orders a second beside 10,000 sockets' },
  sockets: { hubs: 4, edgeWorkers: 8, generators: 4, what: '50,000 sockets for a minute, with 200 orders and 200 changes a second' },
  post: { command: 'post', what: 'POST to commit to publish, without sockets: tests/bench/http post' },
  overload: { command: 'overload', what: 'three times what can be done: tests/bench/http overload' },
}

const usage = `usage: tests/bench/capacity [CASE...] [--runs N] [--seconds S] [--probe-seconds S] [--rate R] [--rest S] [--direct]
                            [--out DIR] [--port-base P] [--bin DIR] [-- LOAD TEST'S OPTION...]

Builds the release, and for each run of a case starts a stack of its own, loads it (loadtest/scenarios/CASE.json), stops
it and removes its data. Everything runs on this machine: servers, edge, generators. Ends by itself. Cases (without a
CASE all of them):

${Object.entries(CASES).map(([name, { what }]) => `  ${name.padEnd(16)}${what}`).join('\n')}

The peaks look for the highest rate that holds: short runs that halve the range, then the long ones, 10 % lower until
every order of each is accepted, nothing is lost, twice or out of order, and in most of them p99 of a POST is below 50 ms
and from commit to socket below 100 ms. PostgreSQL gets a write-ahead log to reuse, as one that has run for a day has. Nobody takes the orders on, so the stack's restaurants have them alerted in an hour only.
What the disk does is told with each run: alone before it, and beside it, where a small write ten times a second is timed.

  --runs N           of each case (3)
  --seconds S        of load in each (the scenario's: 60, of sockets 90)
  --probe-seconds S  of load in the short runs of a search (10)
  --rate R           orders a second; of the peaks: the first to try, and the most (the scenario's)
  --rest S           wait at most so many seconds before each run until the disk no longer stands still (0)
  --direct           to the API and to one hub themselves, without the edge
  --out DIR          where DIR/CASE/ gets figures.txt, figures.json (every run) and report.json and report.html of the
                     median run (build/capacity)
  --port-base P      of the stack (19280)
  --bin DIR          programs of this folder instead of this checkout's release build

What stands behind -- goes to the load test as it is: tests/bench/capacity steady -- --ack
`

const SEARCH_DEPTH = 16 // a search gives up at the first rate by this
const RUN_EXTRA_S = 400 // beside its load a run opens sockets and settles; what takes longer is ended
const MAX_LOWERINGS = 4
const LOG_FILES = 64 // of 16 MB: the write-ahead log of a minute, and what PostgreSQL keeps for reuse (min_wal_size)
const DISK_PROBE_S = 10
const STOOD_MOST = 5 // ms of a second: a disk that has rested
const ownState = '.local-capacity'
const diskFile = join(root, 'build/capacity-disk') // on the disk of this checkout, and most likely of PostgreSQL

const { values: options, positionals, wrong } = readArguments()
if (options.help) {
  console.log(usage.trimEnd())
  process.exit(0)
}
if (wrong) {
  console.error(`tests/bench/capacity: ${wrong}\n\n${usage}`)
  process.exit(2)
}

function readArguments() {
  const behind = process.argv.indexOf('--')
  const mine = behind < 0 ? process.argv.slice(2) : process.argv.slice(2, behind)
  const number = (text) => text === undefined || (/^[1-9]\d{0,5}$/.test(text) && Number(text))
  try {
    const parsed = parseArgs({
      args: mine,
      allowPositionals: true,
      options: {
        runs: { type: 'string', default: '3' },
        seconds: { type: 'string' },
        'probe-seconds': { type: 'string', default: '10' },
        rate: { type: 'string' },
        rest: { type: 'string' },
        direct: { type: 'boolean', default: false },
        out: { type: 'string', default: 'build/capacity' },
        'port-base': { type: 'string', default: '19280' },
        bin: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const unknown = parsed.positionals.find((name) => !CASES[name])
    const bad = ['runs', 'seconds', 'probe-seconds', 'rate', 'rest', 'port-base'].find((name) => !number(parsed.values[name]))
    const wrong = unknown ? `there is no case '${unknown}'` : bad && `--${bad} must be a number from 1 to 999999`
    return { ...parsed, wrong }
  } catch (error) {
    return { values: {}, positionals: [], wrong: error.message }
  }
}

const loadOptions = process.argv.includes('--') ? process.argv.slice(process.argv.indexOf('--') + 1) : []
const binDir = resolve(options.bin ?? join(root, 'build/release/bin'))
const out = resolve(root, options.out)
const say = (text) => console.log(text)

// --- the stack ---

async function build() {
  if (options.bin) return
  say('building the release')
  await run('cmake', ['--preset', 'release'], { timeoutMs: 10 * 60_000 })
  const programs = ['ordersync-hub', 'ordersync-api', 'ordersync-loadtest']
  await run('cmake', ['--build', '--preset', 'release', '--target', ...programs], { timeoutMs: 20 * 60_000 })
}

/** With as many restaurants as the scenario wants, which have nobody's orders alerted while we measure. */
async function bringUp({ hubs, edgeWorkers = 2 }, scenario) {
  await remove()
  const size = ['--hubs', String(hubs), '--edge-workers', String(edgeWorkers)]
  const place = ['--state', ownState, '--port-base', options['port-base'], '--bin', binDir]
  await run('deploy/local/up', ['--detach', '--no-install', ...size, ...place], { timeoutMs: 10 * 60_000 })
  const stack = new Stack(join(root, ownState, 'env'))
  const env = await stack.env()
  await run(join(binDir, 'ordersync-api'), ['seed', '--restaurants', String(scenario.restaurants)], { env })
  await stack.query('UPDATE restaurants SET display_within_s = 3600, accept_within_s = 3600, reject_after_s = NULL')
  await ageWriteAheadLog(stack)
  return env
}

/** A server that has run for a day writes its log into files that it has used before. A new one makes a file of 16 MB
 *  every few seconds of load, and commits wait for its zeros to be on the disk. */
async function ageWriteAheadLog(stack) {
  const fillOne = "SELECT pg_logical_emit_message(false, 'capacity', ''), pg_switch_wal();\n"
  await stack.queryAsSuperuser(fillOne.repeat(LOG_FILES) + 'CHECKPOINT; CHECKPOINT;')
  await run('sync', []) // what that wrote is not to be written while we measure
}

/** What the disk does without us, once it has rested or we have waited enough. */
async function awaitDisk() {
  const until = Date.now() + Number(options.rest ?? 0) * 1000
  for (;;) {
    const disk = await probeDisk(diskFile, DISK_PROBE_S)
    say(`    disk alone: ${diskLine(disk)}`)
    if (disk.stood <= STOOD_MOST || Date.now() >= until) return disk
  }
}

const remove = () => run('deploy/local/down', ['--state', ownState, '--purge'])

// --- a run ---

let running = null // {child, signal}: a program that we follow, and what ends it if somebody ends us

/** A program to its end, never longer than it may take; what it says goes to onText. True: it was content. */
function follow(program, args, { cwd, env = {}, limitS, signal, onText }) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
    running = { child, signal }
    const timer = setTimeout(() => child.kill(signal), limitS * 1000)
    child.stdout.setEncoding('utf8').on('data', onText)
    const end = (content) => {
      clearTimeout(timer)
      running = null
      done(content)
    }
    child.on('error', () => end(false))
    // Not 'close': a server that was started on the way may keep our pipe.
    child.on('exit', (code) => end(code === 0))
  })
}

/** The load test, its lines of progress told on. */
function load(args, env, limitS) {
  const tell = (text) => {
    for (const [line] of text.matchAll(/^(customers|load|settle) .*$/gm)) say(`    ${line}`)
  }
  return follow(join(binDir, 'ordersync-loadtest'), args, { env, limitS, signal: 'SIGKILL', onText: tell })
}

const scenarioOf = async (name) => JSON.parse(await readFile(join(root, 'loadtest/scenarios', `${name}.json`), 'utf8'))
const loadSeconds = ({ seconds, phases }) => seconds ?? phases.reduce((sum, phase) => sum + phase.seconds, 0)
const openingSeconds = ({ tablets, customers, ramp }) => (tablets + customers) / ramp

const folders = [] // of the runs' reports, until we end

/** One run on a fresh stack: what the load test reports, and what we have seen of the machine. null: it gave none. */
async function measure(name, { rate, seconds }) {
  const scenario = await scenarioOf(name)
  const folder = await mkdtemp(join(root, 'build/capacity-'))
  folders.push(folder)
  try {
    const env = await bringUp(CASES[name], scenario)
    const args = ['--scenario', join(root, 'loadtest/scenarios', `${name}.json`), '--out', folder]
    args.push('--generators', String(CASES[name].generators), '--env', join(root, ownState, 'env'))
    if (seconds) args.push('--seconds', String(seconds))
    if (rate) args.push('--rate', String(rate))
    if (options.direct) args.push('--url', env.API_URLS.split(' ')[0], '--ws', env.HUB_URLS.split(' ')[0].replace('http', 'ws'))
    const groups = groupsOf(env)
    const machine = { before: await proportionalBytes(groups), cpuBefore: await cpuSeconds(groups) }
    machine.diskAlone = await awaitDisk()
    const kernel = new KernelWatch()
    const disk = new DiskWatch(diskFile)
    await load([...args, ...loadOptions], env, (seconds ?? loadSeconds(scenario)) + openingSeconds(scenario) + RUN_EXTRA_S)
    machine.kernel = kernel.stop()
    machine.disk = await disk.stop()
    machine.cpuAfter = await cpuSeconds(groups)
    const figures = await readFile(join(folder, 'report.json'), 'utf8').then(JSON.parse, () => null)
    return { figures, machine, folder }
  } finally {
    await remove()
  }
}

// --- a case ---

async function takeRun(name, label, load) {
  say(`  ${label}`)
  const result = await measure(name, load)
  const verdict = holds(result.figures)
  say(`    disk beside it: ${diskLine(result.machine.disk)}`)
  say(`    ${verdict.holds ? 'holds' : `does not hold: ${verdict.why}`}`)
  return { ...result, ...verdict }
}

const isMost = (results) => results.length * 2 > Number(options.runs)

/** Runs of full length at one rate; when it must hold, stops as soon as one loses something or most are too slow. Each is
 *  kept at once: who ends us early has those that were there. */
async function takeRuns(name, rate, mustHold) {
  const results = []
  for (let number = 1; number <= Number(options.runs); number++) {
    const label = `run ${number} of ${options.runs}${rate ? `, ${rate} orders/s` : ''}`
    results.push(await takeRun(name, label, { rate, seconds: options.seconds && Number(options.seconds) }))
    await keep(name, results)
    if (mustHold && (!results.at(-1).isWhole || isMost(results.filter(({ holds }) => !holds)))) break
  }
  return results
}

/** The highest rate of which all long runs are whole and most hold; when there is none, the last ones that were tried. */
async function takePeak(name) {
  const seconds = Number(options['probe-seconds'])
  const probe = async (rate) => (await takeRun(name, `probe, ${rate} orders/s, ${seconds} s`, { rate, seconds })).holds
  const most = Number(options.rate ?? (await scenarioOf(name)).rate)
  let rate = await searchRate(probe, most, most / SEARCH_DEPTH)
  let results = []
  for (let tries = 0; rate && tries <= MAX_LOWERINGS; tries++) {
    results = await takeRuns(name, rate, true)
    if (results.every(({ isWhole }) => isWhole) && isMost(results.filter(({ holds }) => holds))) return results
    rate = rounded(rate * 0.9)
  }
  say('  no rate was found that holds')
  return results
}

/** Of the runs the one in the middle by its latency: the page that is kept. */
function medianRun(results) {
  const sorted = [...results].sort((a, b) => a.figures.latency_ms.post_to_socket.p99 - b.figures.latency_ms.post_to_socket.p99)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

const textOf = (name, results) => `${commandOf(name)}\n${CASES[name].what}\n\n${tableOf(results)}`

async function keep(name, all) {
  const folder = join(out, name)
  const results = all.filter(({ figures }) => figures)
  if (results.length === 0) return
  await mkdir(folder, { recursive: true })
  for (const file of ['report.json', 'report.html']) await copyFile(join(medianRun(results).folder, file), join(folder, file))
  await writeFile(join(folder, 'figures.txt'), textOf(name, results))
  // The second-by-second series is in the median run's report; once is enough.
  const runs = results.map(({ figures, machine }) => ({ ...figures, series: undefined, curves: undefined, machine_seen: machine }))
  await writeFile(join(folder, 'figures.json'), `${JSON.stringify(runs)}\n`)
}

/** The command that makes these figures again. */
function commandOf(name) {
  const given = ['runs', 'seconds', 'rate', 'rest'].filter((key) => options[key]).map((key) => `--${key} ${options[key]}`)
  const more = [...(options.direct ? ['--direct'] : []), ...(loadOptions.length ? ['--', ...loadOptions] : [])]
  return ['tests/bench/capacity', name, ...given, ...more].join(' ')
}

async function takeScenario(name) {
  const all = CASES[name].search ? await takePeak(name) : await takeRuns(name, Number(options.rate ?? 0), false)
  const results = all.filter(({ figures }) => figures)
  if (results.length === 0) return
  say(`\n${textOf(name, results)}\nkept in ${relative(root, join(out, name))}/\n`)
}

/** tests/bench/http has a stack of its own, and tells its own medians. */
async function takeHttp(name) {
  const args = ['--runs', options.runs, '--seconds', String(Math.min(10, Number(options.seconds ?? 10)))]
  let text = `disk alone: ${diskLine(await awaitDisk())}\n`
  const onText = (more) => {
    text += more
    process.stdout.write(more)
  }
  // It is asked to end, not killed: it has a stack to stop.
  const content = await follow('tests/bench/http', [...args, CASES[name].command], { cwd: root, limitS: 30 * 60, signal: 'SIGTERM', onText })
  if (!content) throw new Error('tests/bench/http failed')
  await mkdir(join(out, name), { recursive: true })
  await writeFile(join(out, name, 'figures.txt'), `tests/bench/http ${args.join(' ')} ${CASES[name].command}\n\n${text}`)
}

/** Whoever ends us leaves no stack, no load and no folder behind. */
function onSignal() {
  running?.child.kill(running.signal)
  for (const path of [...folders, diskFile]) rmSync(path, { recursive: true, force: true })
  spawnSync('deploy/local/down', ['--state', ownState, '--purge'], { cwd: root, stdio: 'ignore' })
  process.exit(130)
}
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

await build()
await mkdir(join(root, 'build'), { recursive: true })
for (const name of positionals.length ? positionals : Object.keys(CASES)) {
  say(`${name}: ${CASES[name].what}`)
  try {
    await (CASES[name].command ? takeHttp(name) : takeScenario(name))
  } catch (error) {
    console.error(`${name} could not be measured: ${error.message}`)
    process.exitCode = 1
  }
}
for (const folder of folders) await rm(folder, { recursive: true, force: true })
