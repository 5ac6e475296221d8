// A round: one load, faults while it runs, and the verdict over it.

import { join } from 'node:path'

import { Load } from './load.mjs'
import { boundMb, MemoryWatch } from './memory.mjs'
import { pause } from './tools.mjs'
import { timeOf, truths } from './truths.mjs'

/**
 * Does the fault, and tells how long after it all is well again: every program ready, every socket current. The quick
 * run does not wait for the sockets, many of which are in a backoff: the next fault meets them there.
 */
async function suffer(fault, context) {
  await fault.run(context)
  const healed = Date.now()
  await context.stack.healthy()
  if (context.isQuick) return undefined
  await context.load.allCurrent(context.stack.patienceMs)
  return `current ${((Date.now() - healed) / 1000).toFixed(1)} s after it`
}

async function judge(report, load) {
  const { status, figures } = await load.verdict()
  if (figures) report.addUp(figures)
  report.say(load.output.slice(load.output.search(/^sockets /m)))
  if (status !== 0) throw new Error(`the load test says ${status}: ${/^verdict .*$/m.exec(load.output)?.[0] ?? 'no verdict'}`)
}

async function checkMemory(report, title, settings, memory) {
  const most = boundMb(settings.size.tablets + settings.size.customers)
  report.say(`most memory of a hub: ${memory.mostMb.toFixed(0)} MB (bound ${most.toFixed(0)} MB)`)
  if (settings.hasSanitizers) return
  await report.step(`${title}: no hub took more memory than it may`, async () => {
    if (memory.mostMb > most) throw new Error(`${memory.mostMb.toFixed(0)} MB`)
  })
}

/** faults: [[name, fault]]. settings: { stack, random, isQuick, size, hasSanitizers }; size: the load test's options. */
export async function runRound(report, title, settings, faults) {
  const { stack, random, isQuick, size } = settings
  const { BIN_DIR } = await stack.env()
  const since = await timeOf(stack)
  const load = await Load.start(join(BIN_DIR, 'ordersync-loadtest'), stack.envFile, size)
  const memory = new MemoryWatch(stack)
  try {
    if (!(await report.step(`${title}: sockets open, orders flow`, () => load.begun()))) return
    for (const [name, fault] of faults) {
      await pause(500 + 500 * random()) // some orders between two faults
      const isGood = await report.step(`${title}: ${name}`, () => suffer(fault, { stack, load, random, isQuick }))
      if (!isGood) await stack.startAll() // what the fault has left behind is no fault of the next one's
    }
    await report.step(`${title}: every socket is current`, () => load.allCurrent(stack.patienceMs))
    await report.step(`${title}: every event reached every socket once, in order`, () => judge(report, load))
    for (const { name, run } of truths(stack, load, since)) await report.step(`${title}: ${name}`, run)
  } finally {
    await load.end()
    await memory.end()
  }
  await checkMemory(report, title, settings, memory)
}
