// The wall clock of a program leaps, by libfaketime; the monotonic clock goes on. Nothing that waits may notice.

import { readdir, readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openProbe } from '../restaurant.mjs'
import { pause, until } from '../tools.mjs'

async function findLibrary() {
  for (const folder of await readdir('/usr/lib').catch(() => [])) {
    const path = `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`
    if ((await readdir(`/usr/lib/${folder}/faketime`).catch(() => [])).includes('libfaketimeMT.so.1')) return path
  }
  return null
}

const noLibrary = async () => ((await findLibrary()) ? undefined : 'there is no libfaketime (Debian: faketime)')

/** Starts the programs anew, with env. */
async function restart(stack, names, env = {}) {
  for (const name of names) {
    await stack.killIfRunning(name)
    await stack.start(name, { env })
    const maps = await readFile(`/proc/${await stack.pidOf(name)}/maps`, 'utf8')
    if (env.LD_PRELOAD && !maps.includes(env.LD_PRELOAD)) throw new Error('libfaketime was not loaded')
  }
  await stack.healthy()
}

/** Sets the clock to so many seconds beside the truth. The library looks at its file once a second. */
async function setOffset(file, seconds) {
  await writeFile(file, `${seconds}\n`)
  await pause(2500)
}

/** A socket by a token that has time left outlives the leap ahead. */
async function leapAhead(stack, file) {
  const probe = await openProbe(stack, 600)
  await setOffset(file, '+3600')
  if (probe.closeCode !== null) throw new Error(`the leap ahead ended a token early: ${probe.closeCode}`)
  await setOffset(file, '+0')
  probe.end()
}

/** A token ends when it is time, also when the clock has just leapt back. */
async function leapBack(stack, file) {
  const probe = await openProbe(stack, 4)
  await setOffset(file, '-3600')
  await until('the token ends', () => probe.closeCode !== null, 15_000)
  await setOffset(file, '+0')
}

/** All programs of that kind leap together, since a socket may be at any of them. */
async function leap({ stack, load }, names) {
  const folder = await mkdtemp(join(tmpdir(), 'ordersync-clock-'))
  const file = join(folder, 'offset')
  const env = {
    LD_PRELOAD: await findLibrary(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0',
  }
  await writeFile(file, '+0\n')
  try {
    await restart(stack, names, env)
    await load.allCurrent(stack.patienceMs)
    const { reconnects } = await load.progress()
    await leapAhead(stack, file)
    await leapBack(stack, file)
    const cut = (await load.progress()).reconnects - reconnects
    if (cut > 0) throw new Error(`${cut} sockets were closed because a clock leapt`)
  } finally {
    await restart(stack, names)
    await rm(folder, { recursive: true })
  }
}

export const clockFaults = {
  clock_hub: {
    does: "the hubs' wall clocks leap an hour ahead, back, an hour behind, and back",
    run: async (context) => leap(context, await context.stack.namesOf('hub')),
    leaveOut: noLibrary,
    isForFull: true,
  },
  clock_worker: {
    does: "the worker's wall clock leaps likewise",
    run: (context) => leap(context, ['worker-1']),
    leaveOut: noLibrary,
  },
}
