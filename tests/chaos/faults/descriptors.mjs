// A program that is out of file descriptors, while everybody wants to connect.

import { readdir, readFile } from 'node:fs/promises'

import { pause, run } from '../tools.mjs'

const setLimit = (pid, limit) => run('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])

/** No new descriptor for the program, and then the edge is cut, so that all sockets and requests come anew. */
const exhaust = (name) => async ({ stack, isQuick }) => {
  const pid = await stack.pidOf(name)
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8')
  const soft = /^Max open files\s+(\d+)/m.exec(limits)[1]
  await setLimit(pid, (await readdir(`/proc/${pid}/fd`)).length)
  await stack.kill('nginx')
  await stack.start('nginx')
  await pause(isQuick ? 2000 : 8000)
  await setLimit(pid, soft)
}

export const descriptorFaults = {
  descriptors_hub: { does: 'a hub may open no more descriptors, and every socket comes anew', run: exhaust('hub-1') },
  descriptors_api: { does: 'an API may open no more descriptors, and every connection comes anew', run: exhaust('api-1') },
}
