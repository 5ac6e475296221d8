// How the disk answers, seen from outside: commits wait for it, and on a shared machine it may stand still for whole tenths
// of a second while no process computes. A figure that was taken then says more about the disk than about us.

import { open, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const WRITE_BYTES = 24 * 1024 // about what a commit of a loaded server writes
const FILE_BYTES = 16 * 1024 * 1024 // a file of the write-ahead log, reused like one
const IDLE_RATE = 180 // commits a second of 3,000 orders a second
const BESIDE_RATE = 10 // enough to see each long stand, too few to cause any
const STAND_MS = 50

/** Writes and flushes `rate` times a second until isOver(); a write that was due during another one is left out. Returns each one's time, ms. */
async function writeUntil(isOver, rate, path) {
  const file = await open(path, 'w')
  const block = Buffer.alloc(WRITE_BYTES, 'x')
  const times = []
  try {
    await file.write(Buffer.alloc(FILE_BYTES))
    await file.sync()
    for (let at = 0; !isOver(); at = (at + WRITE_BYTES) % (FILE_BYTES - WRITE_BYTES)) {
      const begun = performance.now()
      await file.write(block, 0, WRITE_BYTES, at)
      await file.datasync()
      const took = performance.now() - begun
      times.push(took)
      await sleep(Math.max(0, 1000 / rate - took))
    }
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
  return times
}

/** p50, p99, longest: ms; stood: how many ms of a second went into writes that took 50 ms and more. */
function summary(times, seconds) {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  const stood = times.filter((took) => took >= STAND_MS).reduce((sum, took) => sum + took, 0)
  return { p50: at(0.5), p99: at(0.99), longest: sorted.at(-1), stood: stood / seconds }
}

/** The disk alone, for so many seconds. */
export async function probeDisk(path, seconds) {
  const begun = performance.now()
  const times = await writeUntil(() => performance.now() - begun >= seconds * 1000, IDLE_RATE, path)
  return summary(times, seconds)
}

/** The disk beside a load, until it is stopped. */
export class DiskWatch {
  #over = false
  #begun = performance.now()
  #times

  constructor(path) {
    this.#times = writeUntil(() => this.#over, BESIDE_RATE, path)
    this.#times.catch(() => {}) // told when it is stopped
  }

  async stop() {
    this.#over = true
    return summary(await this.#times, (performance.now() - this.#begun) / 1000)
  }
}
