// Processes that hang: their sockets stay open and nothing moves.

import { pause } from '../tools.mjs'

async function freeze({ stack }, name, milliseconds) {
  await stack.ctl('pause', name)
  await pause(milliseconds)
  await stack.ctl('resume', name)
}

const lastApi = async (stack) => (await stack.namesOf('api')).at(-1)

export const freezeFaults = {
  redis_frozen: {
    does: 'Redis hangs for 10 s',
    run: (context) => freeze(context, 'redis', context.isQuick ? 4000 : 10_000),
  },
  hub_frozen: {
    does: 'a hub hangs for 30 s; its clients leave, and it wakes with their sockets',
    run: (context) => freeze(context, 'hub-1', context.isQuick ? 5000 : 30_000),
  },
  api_frozen: {
    does: 'an API hangs for 10 s with requests in flight',
    run: async (context) => freeze(context, await lastApi(context.stack), context.isQuick ? 2000 : 10_000),
  },
}
