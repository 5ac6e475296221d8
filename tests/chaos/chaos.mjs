// The fault tests: ordersync-loadtest loads a whole local stack while parts of it are killed, hung, cut off and lied
// to. Afterwards every acknowledged event must have reached every socket, once and in order, and PostgreSQL must hold
// every stream without a hole. What happens when comes from a seed, which is printed.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { faultGroups } from './faults/index.mjs'
import { killStorm } from './faults/storm.mjs'
import { tryTheJudge } from './judge.mjs'
import { Load } from './load.mjs'
import { boundMb, MemoryWatch } from './memory.mjs'
import { bringUp, Stack, takeDown } from './stack.mjs'
import { pause, randomFrom, shuffled } from './tools.mjs'
import { timeOf, truths } from './truths.mjs'

const ownState = '.local-chaos'
const ownPorts = 18480

const usage = `usage: tests/chaos/run [--quick | --full] [--seed N] [--faults NAME,...] [--kills N]
                       [--preset NAME] [--port-base P] [--no-judge]
       tests/chaos/run --list

Uses the stack whose environment file OSY_ENV_FILE names, or brings one up in ${ownState} and ends it.

  --quick        200 tablets and 400 customers, each fault short (default)
  --full         10,000 sockets, each fault long, a load for each group of faults, then a storm of kills
  --seed N       repeats the order and the moments of a former run
  --faults LIST  only these, or these groups; none: no fault but the storm of --kills
  --kills N      kills in the storm (--quick 0, --full 120)
  --preset NAME  of the stack that it brings up (dev; for --full failpoints, the release build with them)
  --port-base P  of that stack (${ownPorts})
  --no-judge     do not try the load test's judge first
  --list         print the faults and end
`

const loads = {
  quick: { tablets: 200, customers: 400, restaurants: 50, rate: 50 },
  full: { tablets: 2000, customers: 8000, restaurants: 200, rate: 60 },
}

/** What is left out of the quick run: with it, it would take more than five minutes. */
const isForFull = (group, name) => group === 'failpoint' && !name.endsWith('=kill')

// --- counting ---

const results = []
const totals = { deliveries: 0, lost: 0, duplicated: 0, outOfOrder: 0, leaked: 0 }

/** Runs a step and notes how it went. Returns whether it passed. work may return a remark. */
async function step(name, work) {
  const began = Date.now()
  let error
  const remark = await work().catch((caught) => void (error = caught))
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  results.push({ name, passed: !error })
  console.log(`${error ? 'FAILED' : 'ok    '} ${name.padEnd(64)} ${seconds.padStart(7)} s${remark ? `  ${remark}` : ''}`)
  if (error) console.log(error.message)
  return !error
}

function addUp(figures) {
  totals.deliveries += figures.delivered_to_tablets + figures.delivered_to_customers + figures.delivered_to_dashboards
  totals.lost += figures.lost + figures.behind
  totals.duplicated += figures.duplicated_after_filter
  totals.outOfOrder += figures.out_of_order
  totals.leaked += figures.leaked + figures.foreign
}

// --- a round: one load, and faults while it runs ---

/** Does the fault, and tells how long after it all is well again: every program ready, every socket current. */
async function suffer(fault, context) {
  await fault.run(context)
  const healed = Date.now()
  await context.stack.healthy()
  await context.load.allCurrent()
  return `current ${((Date.now() - healed) / 1000).toFixed(1)} s after it`
}

async function judge(load) {
  const { status, figures } = await load.verdict()
  if (figures) addUp(figures)
  console.log(load.output.slice(load.output.search(/^sockets /m)))
  if (status !== 0) throw new Error(`the load test says ${status}`)
}

/** faults: [[name, fault]]; what comes afterwards, if anything, is a fault as well. */
async function round(title, { stack, random, isQuick, size, hasSanitizers }, faults) {
  const { BIN_DIR } = await stack.env()
  const since = await timeOf(stack)
  const load = await Load.start(join(BIN_DIR, 'ordersync-loadtest'), stack.envFile, size)
  const memory = new MemoryWatch(stack)
  try {
    if (!(await step(`${title}: sockets open, orders flow`, () => load.begun()))) return
    for (const [name, fault] of faults) {
      await pause(500 + 500 * random()) // some orders between two faults
      const isGood = await step(`${title}: ${name}`, () => suffer(fault, { stack, load, random, isQuick }))
      if (!isGood) await stack.startAll() // what the fault has left behind is no fault of the next one's
    }
    await pause(1000)
    await step(`${title}: every event reached every socket once, in order`, () => judge(load))
    for (const { name, run } of truths(stack, load, since)) await step(`${title}: ${name}`, run)
  } finally {
    await load.end()
    await memory.end()
  }
  const most = boundMb(size.tablets + size.customers)
  console.log(`most memory of a hub: ${memory.mostMb.toFixed(0)} MB (bound ${most.toFixed(0)} MB)`)
  if (!hasSanitizers)
    await step(`${title}: no hub took more memory than it may`, async () => {
      if (memory.mostMb > most) throw new Error(`${memory.mostMb.toFixed(0)} MB`)
    })
}

// --- the run ---

/** [[group, [[name, fault]]]] of those that are wanted and can be done here; says which cannot. */
async function chooseFaults(groups, wanted, isQuick) {
  const chosen = []
  for (const [group, faults] of Object.entries(groups)) {
    const possible = []
    for (const [name, fault] of Object.entries(faults)) {
      const isWanted = wanted ? wanted.includes(name) || wanted.includes(group) : !(isQuick && isForFull(group, name))
      const reason = isWanted && (await fault.leaveOut?.())
      if (reason) console.log(`left out: ${name}: ${reason}`)
      else if (isWanted) possible.push([name, fault])
    }
    if (possible.length > 0) chosen.push([group, possible])
  }
  return chosen
}

async function runAll(stack, values) {
  const isQuick = !values.full
  const groups = await faultGroups(stack)
  const names = Object.entries(groups).flatMap(([group, faults]) => [group, ...Object.keys(faults)])
  const wanted = values.faults === 'none' ? [] : values.faults?.split(',')
  const unknown = (wanted ?? []).filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown}; there are ${names}`)

  const { BIN_DIR } = await stack.env()
  const random = randomFrom(Number(values.seed))
  const size = isQuick ? loads.quick : loads.full
  const settings = { stack, random, isQuick, size, hasSanitizers: BIN_DIR.includes('/dev/') }
  const chosen = await chooseFaults(groups, wanted, isQuick)
  const kills = Number(values.kills ?? (isQuick ? 0 : 120))
  const storm = ['storm', { run: (context) => killStorm(context, kills) }]
  if (isQuick) {
    const faults = shuffled(chosen.flatMap(([, those]) => those), random)
    await round('quick', settings, kills > 0 ? [...faults, storm] : faults)
  } else {
    for (const [group, faults] of chosen) await round(group, settings, shuffled(faults, random))
    if (kills > 0) await round('storm', settings, [storm])
  }
}

/** Prints the totals and the last line, which tests/run reads. */
function finish(stack, seed) {
  const failed = results.filter((result) => !result.passed).length
  console.log(
    `deliveries ${totals.deliveries}  kills ${stack?.kills ?? 0}  lost ${totals.lost}  duplicated ${totals.duplicated}  ` +
      `out of order ${totals.outOfOrder}  outside rights ${totals.leaked}  seed ${seed}`,
  )
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed > 0 ? 1 : 0
}

async function list(stack) {
  for (const [group, faults] of Object.entries(await faultGroups(stack)))
    for (const [name, { does }] of Object.entries(faults)) console.log(`${group.padEnd(10)} ${name.padEnd(32)} ${does}`)
}

const options = {
  quick: { type: 'boolean' },
  full: { type: 'boolean' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  faults: { type: 'string' },
  kills: { type: 'string' },
  preset: { type: 'string' },
  'port-base': { type: 'string', default: String(ownPorts) },
  'no-judge': { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
}

async function main() {
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(usage)
    return 0
  }
  console.log(`seed ${values.seed}`)
  const given = process.env.OSY_ENV_FILE
  if (given && !existsSync(given)) throw new Error(`OSY_ENV_FILE: there is no ${given}`)
  const preset = values.preset ?? (values.full ? 'failpoints' : 'dev')
  const stack = given
    ? new Stack(resolve(given))
    : await bringUp({ preset, state: ownState, portBase: Number(values['port-base']) })
  try {
    if (values.list) {
      await list(stack)
      return 0
    }
    if (!values['no-judge']) {
      const { BIN_DIR } = await stack.env()
      const { passed, failed } = await tryTheJudge(join(BIN_DIR, 'ordersync-loadtest'))
      for (let i = 0; i < passed + failed; i++) results.push({ name: 'judge', passed: i < passed })
    }
    await stack.healthy()
    await runAll(stack, values)
  } catch (error) {
    console.error(error.message)
    results.push({ name: 'the chaos run itself', passed: false })
  } finally {
    if (!given) await takeDown(ownState)
  }
  return finish(stack, values.seed)
}

main().then(
  (status) => (process.exitCode = status),
  (error) => {
    console.error(error.message)
    process.exitCode = 1
    console.log('0 passed, 1 failed')
  },
)
