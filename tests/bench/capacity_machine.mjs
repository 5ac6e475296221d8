// What a run does to the machine, seen from outside: CPU time and memory of the servers' processes, memory of the kernel.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

const TICKS_PER_SECOND = 100 // USER_HZ: the same on every Linux that we run on
const PAGE_BYTES = 4096
const SAMPLE_MS = 1000

/** The processes of each kind that the stack's environment names: { API: [pid], ... }. */
export function groupsOf(env) {
  const named = Object.entries(env).filter(([name, value]) => name.endsWith('_PIDS') && value)
  return Object.fromEntries(named.map(([name, value]) => [name.slice(0, -'_PIDS'.length), value.split(' ').map(Number)]))
}

/** Of a process that has ended meanwhile nothing. */
const readProcess = (pid, file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')

/** With their direct children: nginx's workers, PostgreSQL's backends. */
async function familyOf(pids) {
  const children = await Promise.all(pids.map((pid) => readProcess(pid, `task/${pid}/children`)))
  return [...pids, ...children.flatMap((text) => text.trim().split(' ').filter(Boolean).map(Number))]
}

async function forEachGroup(groups, of) {
  const entries = Object.entries(groups).map(async ([name, pids]) => {
    const values = await Promise.all((await familyOf(pids)).map(of))
    return [name, values.reduce((sum, value) => sum + value, 0)]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Pss: shared pages are divided among those that share them. */
export const proportionalBytes = (groups) =>
  forEachGroup(groups, async (pid) => Number(/^Pss:\s+(\d+) kB$/m.exec(await readProcess(pid, 'smaps_rollup'))?.[1] ?? 0) * 1024)

/** User and system time, of children that have ended too. */
export const cpuSeconds = (groups) =>
  forEachGroup(groups, async (pid) => {
    const stat = await readProcess(pid, 'stat')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
  })

function readKernel() {
  const meminfo = readFileSync('/proc/meminfo', 'utf8')
  const tcp = /^TCP: inuse (\d+) .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))
  const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)[1])
  return { slab: kb('Slab') * 1024, available: kb('MemAvailable') * 1024, inuse: Number(tcp[1]), tcp: Number(tcp[2]) * PAGE_BYTES }
}

/** Samples the kernel's memory until it is stopped. Of the available memory the most that was used counts, the least. */
export class KernelWatch {
  #before = readKernel()
  #most = { ...this.#before }
  #timer = setInterval(() => this.#sample(), SAMPLE_MS)

  #sample() {
    const now = readKernel()
    for (const key of ['slab', 'inuse', 'tcp']) this.#most[key] = Math.max(this.#most[key], now[key])
    this.#most.available = Math.min(this.#most.available, now.available)
  }

  stop() {
    clearInterval(this.#timer)
    return { before: this.#before, most: this.#most }
  }
}
