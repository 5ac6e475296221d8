// The fault tests: ordersync-loadtest loads a whole local stack while parts of it are killed, hung, cut off and lied
// to. Afterwards every acknowledged event must have reached every socket, once and in order, and PostgreSQL must hold
// every stream without a hole. What happens when comes from a seed, which is printed.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { findBugs } from './bugs.mjs'
import { faultGroups } from './faults/index.mjs'
import { killStorm } from './faults/storm.mjs'
import { tryTheJudge } from './judge.mjs'
import { Report } from './report.mjs'
import { runRound } from './round.mjs'
import { bringUp, Stack, takeDown } from './stack.mjs'
import { randomFrom, shuffled } from './tools.mjs'

const ownState = '.local-chaos'
const ownPorts = 18480

const usage = `usage: tests/chaos/run [--quick | --full] [--seed N] [--faults NAME,...] [--kills N]
                       [--preset NAME] [--redis N] [--port-base P] [--no-judge]
       tests/chaos/run --bugs [--only NAME,...] [--port-base P]
       tests/chaos/run --list

Uses the stack whose environment file OSY_ENV_FILE names, or brings one up in ${ownState} and ends it.

  --quick        200 tablets and 400 customers, most faults, each short, and some failpoints by chance (default)
  --full         10,000 sockets, each fault long, a load for each group of faults, then a storm of kills, then --bugs
  --seed N       repeats the order and the moments of a former run
  --faults LIST  only these, or these groups; none: no fault but the storm of --kills
  --kills N      kills in the storm (--quick 0, --full 200)
  --bugs         the rig's own proof: each bug that the preset bugs seeds has to be found
  --only LIST    only these bugs
  --preset NAME  of the stack that it brings up (dev; for --full failpoints, the release build with them)
  --redis N      Redis servers of that stack (1); what is done to Redis is done to the first
  --port-base P  of that stack (${ownPorts})
  --no-judge     do not try the load test's judge first
  --list         print the faults and end
`

const loads = {
  quick: { tablets: 200, customers: 400, restaurants: 50, rate: 50 },
  full: { tablets: 2000, customers: 8000, restaurants: 200, rate: 100 },
}
const FULL_KILLS = 200
const BUG_PATIENCE_MS = 30_000 // longer than a backoff; a bug that stops a program is found after it

const QUICK_FAILPOINTS = 6

/** The names of the quick run: all faults that are not too slow for it, and some of the failpoints, by chance. */
function namesForQuick(groups, random) {
  const kills = Object.keys(groups.failpoint).filter((name) => name.endsWith('=kill'))
  const others = Object.values({ ...groups, failpoint: {} }).flatMap(Object.entries)
  return [
    ...others.filter(([, { isForFull }]) => !isForFull).map(([name]) => name),
    ...shuffled(kills, random).slice(0, QUICK_FAILPOINTS),
  ]
}

/** [[group, [[name, fault]]]] of those that are wanted (names; undefined: all) and can be done here; says which cannot. */
async function chooseFaults(groups, wanted) {
  const chosen = []
  for (const [group, faults] of Object.entries(groups)) {
    const possible = []
    for (const [name, fault] of Object.entries(faults)) {
      const isWanted = !wanted || wanted.includes(name) || wanted.includes(group)
      const reason = isWanted && (await fault.leaveOut?.())
      if (reason) console.log(`left out: ${name}: ${reason}`)
      else if (isWanted) possible.push([name, fault])
    }
    if (possible.length > 0) chosen.push([group, possible])
  }
  return chosen
}

async function checkNames(groups, wanted) {
  const names = Object.entries(groups).flatMap(([group, faults]) => [group, ...Object.keys(faults)])
  const unknown = (wanted ?? []).filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown}; there are ${names}`)
}

async function settingsOf(stack, values) {
  const { BIN_DIR } = await stack.env()
  return {
    stack,
    random: randomFrom(Number(values.seed)),
    isQuick: !values.full,
    size: values.full ? loads.full : loads.quick,
    hasSanitizers: BIN_DIR.includes('/dev/'),
  }
}

async function runFaults(report, stack, values) {
  const settings = await settingsOf(stack, values)
  const { random, isQuick } = settings
  const groups = await faultGroups(stack)
  const wanted = values.faults === 'none' ? [] : values.faults?.split(',')
  await checkNames(groups, wanted)
  const chosen = await chooseFaults(groups, wanted ?? (isQuick ? namesForQuick(groups, random) : undefined))
  const ordinary = chosen.map(([group, faults]) => [group, faults.filter(([, { size }]) => !size)])
  const special = chosen.flatMap(([, faults]) => faults.filter(([, { size }]) => size))
  const kills = Number(values.kills ?? (isQuick ? 0 : FULL_KILLS))
  const rounds = isQuick ? [['quick', ordinary.flatMap(([, faults]) => faults)]] : ordinary
  for (const [title, faults] of rounds)
    if (faults.length > 0) await runRound(report, title, settings, shuffled(faults, random))
  for (const [name, fault] of special)
    await runRound(report, name, { ...settings, size: fault.size }, [[name, fault]])
  if (kills > 0)
    await runRound(report, 'storm', settings, [[`${kills} kills`, { run: (context) => killStorm(context, kills) }]])
}

async function runBugs(report, stack, values) {
  const settings = { ...(await settingsOf(stack, values)), isQuick: true }
  const usual = stack.patienceMs
  stack.patienceMs = BUG_PATIENCE_MS
  const attempt = async (fault, size) => {
    const quiet = new Report({ isQuiet: true })
    await runRound(quiet, 'bug', { ...settings, size }, [['fault', fault]]).catch((error) => quiet.note(error.message, false))
    return quiet.failures
  }
  await findBugs(stack, values.only?.split(','), { step: (name, work) => report.step(name, work), attempt })
  stack.patienceMs = usual
}

async function list(stack) {
  for (const [group, faults] of Object.entries(await faultGroups(stack)))
    for (const [name, { does }] of Object.entries(faults)) console.log(`${group.padEnd(10)} ${name.padEnd(32)} ${does}`)
}

async function tryJudge(report, stack) {
  const { BIN_DIR } = await stack.env()
  const { passed, failed } = await tryTheJudge(join(BIN_DIR, 'ordersync-loadtest'))
  for (let i = 0; i < passed + failed; i++) report.note('judge', i < passed)
}

/** Does work(stack) with the given stack, or with one like that, which it brings up. */
async function withStack({ preset, portBase, redis }, work) {
  const given = process.env.OSY_ENV_FILE
  if (given && !existsSync(given)) throw new Error(`OSY_ENV_FILE: there is no ${given}`)
  if (given) return work(new Stack(resolve(given)))
  const stack = await bringUp({ preset, state: ownState, portBase, redis })
  try {
    await work(stack)
  } finally {
    await takeDown(ownState)
  }
}

const options = {
  quick: { type: 'boolean' },
  full: { type: 'boolean' },
  bugs: { type: 'boolean' },
  only: { type: 'string' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  faults: { type: 'string' },
  kills: { type: 'string' },
  preset: { type: 'string' },
  redis: { type: 'string', default: '1' },
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
  const preset = values.preset ?? (values.bugs ? 'bugs' : values.full ? 'failpoints' : 'dev')
  const kind = { preset, portBase: Number(values['port-base']), redis: Number(values.redis) }
  if (values.list) {
    await withStack(kind, list)
    return 0
  }
  console.log(`seed ${values.seed}`)
  const report = new Report()
  let kills = 0
  const work = async (stack) => {
    await stack.healthy()
    if (!values['no-judge'] && !values.bugs) await tryJudge(report, stack)
    await (values.bugs ? runBugs : runFaults)(report, stack, values)
    kills += stack.kills
  }
  try {
    await withStack(kind, work)
    if (values.full && !values.faults && !process.env.OSY_ENV_FILE)
      await withStack({ ...kind, preset: 'bugs' }, (stack) => runBugs(report, stack, values))
  } catch (error) {
    console.error(error.message)
    report.note('the chaos run itself', false)
  }
  return report.finish(kills, values.seed)
}

main().then(
  (status) => (process.exitCode = status),
  (error) => {
    console.error(error.message)
    process.exitCode = 1
    console.log('0 passed, 1 failed')
  },
)
