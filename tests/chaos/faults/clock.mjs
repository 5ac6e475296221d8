// The wall clock of one program leaps, by libfaketime; the monotonic clock goes on. Nothing that waits may notice.

import { readdir, readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { pause } from '../tools.mjs'

async function findLibrary() {
  for (const folder of await readdir('/usr/lib').catch(() => [])) {
    const path = `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`
    if ((await readdir(`/usr/lib/${folder}/faketime`).catch(() => [])).includes('libfaketimeMT.so.1')) return path
  }
  return null
}

const noLibrary = async () => ((await findLibrary()) ? undefined : 'there is no libfaketime (Debian: faketime)')

const leap = (name) => async ({ stack, load, isQuick }) => {
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
    await stack.kill(name)
    await stack.start(name, { env })
    const maps = await readFile(`/proc/${await stack.pidOf(name)}/maps`, 'utf8')
    if (!maps.includes(env.LD_PRELOAD)) throw new Error('libfaketime was not loaded')
    await stack.healthy()
    await load.allCurrent(stack.patienceMs)
    const { reconnects } = await load.progress()
    for (const offset of ['+3600', '+0', '-3600', '+0']) {
      await writeFile(file, `${offset}\n`)
      await pause(isQuick ? 2500 : 6000)
    }
    const cut = (await load.progress()).reconnects - reconnects
    if (cut > 0) throw new Error(`${cut} sockets were closed because a clock leapt`)
  } finally {
    if (await stack.isRunning(name)) await stack.kill(name)
    await stack.start(name)
    await rm(folder, { recursive: true })
  }
}

export const clockFaults = {
  clock_hub: { does: "a hub's wall clock leaps an hour ahead, back, an hour behind, and back", run: leap('hub-1'), leaveOut: noLibrary },
  clock_worker: { does: "the worker's wall clock leaps likewise", run: leap('worker-1'), leaveOut: noLibrary },
}
