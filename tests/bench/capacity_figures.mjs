// What the figures of a load test say: whether a run holds, which rate is the highest that does, medians of several runs.

const MOST_MS = { post: 50, commitToSocket: 100 } // p99
const CLOSE_ENOUGH = 1.1 // of two rates, one that holds and one that does not

/** Whether a run did what it was asked to (isWhole), and that in time (holds); if not, why. figures: a report.json, null:
 *  there was none. */
export function holds(figures) {
  const why = []
  if (!figures) return { isWhole: false, holds: false, why: 'the load test gave no report' }
  const { orders, changes, latency_ms: latency } = figures
  if (!figures.good) why.push(`lost ${figures.lost}, duplicated ${figures.duplicated}, out of order ${figures.out_of_order}`)
  const missing = orders.offered - orders.accepted + changes.offered - changes.accepted
  if (missing > 0) why.push(`${missing} requests not accepted`)
  const isWhole = why.length === 0
  if (latency.order_reply.p99 >= MOST_MS.post) why.push(`p99 of a POST ${latency.order_reply.p99} ms`)
  if (latency.commit_to_socket.p99 >= MOST_MS.commitToSocket) why.push(`p99 from commit to socket ${latency.commit_to_socket.p99} ms`)
  return { isWhole, holds: why.length === 0, why: why.join('; ') }
}

/** Two digits: finer is noise. */
export const rounded = (rate) => Number(rate.toPrecision(2))

/** The highest rate from `least` to `most` of which probe(rate) says that it holds, to within 10 %; 0: none does. */
export async function searchRate(probe, most, least) {
  if (await probe(most)) return most
  let good = 0
  let bad = most
  while (bad > least && bad > CLOSE_ENOUGH * Math.max(good, least)) {
    const rate = rounded(Math.sqrt(Math.max(good, least) * bad))
    if (rate <= good || rate >= bad) break
    if (await probe(rate)) good = rate
    else bad = rate
  }
  return good || ((await probe(rounded(least))) ? rounded(least) : 0)
}

// --- the table ---

const MB = 1024 * 1024
const HOLDERS = ['HUB', 'NGINX', 'GENERATOR'] // of sockets
const PARTS = ['API', 'POSTGRES', 'REDIS', 'HUB', 'WORKER', 'NGINX', 'GENERATOR']
const seconds = (figures) => figures.load_seconds
const sockets = (figures) => figures.sockets.followed

const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2))

/** "median (least to greatest)" */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2
  return sorted.length === 1 ? digits(middle) : `${digits(middle)} (${digits(sorted[0])} to ${digits(sorted.at(-1))})`
}

const latency = (title, key) => ['p50', 'p99', 'p99_9'].map((at) => [`${title} ${at.replace('_', '.')}, ms`, ({ figures }) => (figures.latency_ms[key].count ? figures.latency_ms[key][at] : NaN)])

const RATES = [
  ['orders accepted a second', ({ figures }) => figures.in_load.orders / seconds(figures)],
  ['status changes a second', ({ figures }) => figures.in_load.changes / seconds(figures)],
  ['deliveries a second', ({ figures }) => figures.in_load.deliveries / seconds(figures)],
  ['not accepted', ({ figures }) => figures.orders.offered - figures.orders.accepted + figures.changes.offered - figures.changes.accepted],
  ['lost', ({ figures }) => figures.lost],
  ['duplicated', ({ figures }) => figures.duplicated],
  ['out of order', ({ figures }) => figures.out_of_order],
  ['sockets', ({ figures }) => sockets(figures)],
  ['seconds to open them', ({ figures }) => figures.sockets.connect_seconds],
]

const LATENCIES = [
  ...latency('POST -> reply', 'order_reply'),
  ...latency('POST -> socket, all', 'post_to_socket'),
  ...latency('commit -> socket', 'commit_to_socket'),
  ['late generator p99, ms', ({ figures }) => figures.latency_ms.generator.p99],
  ['busiest generator, % of a core', ({ figures }) => 100 * figures.generators.busiest_of_a_core],
]

/** Seconds of the load in which nothing was asked: a first phase of rate 0. */
const silence = ({ options }) => (options.phases[0].from === 0 && options.phases[0].to === 0 ? options.phases[0].seconds : 0)

/** CPU of a part in the silence, as microseconds per socket and second. The first second still has the opening in it. */
function idleCpu(figures, part) {
  const { groups, moments } = figures.series
  const quiet = moments.filter(({ at }) => at > 1.5 && at <= silence(figures))
  const percent = quiet.reduce((sum, { cpu }) => sum + cpu[groups.indexOf(part)], 0) / quiet.length
  return (percent * 1e4) / sockets(figures)
}

const grown = ({ figures, machine }, part) => figures.processes[part].proportional_kb * 1024 - (machine.before[part] ?? 0)
const kernelGrown = ({ machine }, key) => machine.kernel.most[key] - machine.kernel.before[key]

/** What each part costs: of its processes together. */
function partsTable(results) {
  const isSilent = results.every(({ figures }) => silence(figures) > 0)
  const heads = ['', 'CPU, % of a core', 'us per order', 'us per delivery', 'memory (Pss), MB', 'bytes per socket', ...(isSilent ? ['idle, us per socket and s'] : [])]
  const rows = PARTS.filter((part) => results[0].figures.processes[part]).map((part) => {
    const each = (of) => median(results.map(of))
    const cost = ({ figures }) => figures.processes[part]
    return [
      part,
      each((result) => cost(result).cpu_ms / seconds(result.figures) / 10),
      each((result) => cost(result).cpu_us_per_order ?? NaN),
      each((result) => cost(result).cpu_us_per_delivery ?? NaN),
      each((result) => (cost(result).proportional_kb * 1024) / MB),
      HOLDERS.includes(part) ? each((result) => grown(result, part) / sockets(result.figures)) : '',
      ...(isSilent ? [each(({ figures }) => idleCpu(figures, part))] : []),
    ]
  })
  return [heads, ...rows]
}

const KERNEL = [
  ['kernel memory (slab) a socket, bytes, both ends and the edge', (result) => kernelGrown(result, 'slab') / sockets(result.figures)],
  ['kernel memory of TCP buffers, MB at most', (result) => result.machine.kernel.most.tcp / MB],
  ['TCP sockets at most, both ends and the edge', ({ machine }) => machine.kernel.most.inuse],
  ["the machine's free memory that it took, bytes a socket", (result) => -kernelGrown(result, 'available') / sockets(result.figures)],
]

const disk = (title, of) => ['p50', 'p99', 'longest', 'stood'].map((key) => [`${title}, ${key === 'stood' ? 'ms of each second in writes of 50 ms and more' : `${key}, ms`}`, (result) => of(result)[key]])
const DISK = [...disk('disk before the load: write and flush', ({ machine }) => machine.diskAlone), ...disk('disk beside the load: write and flush', ({ machine }) => machine.disk)]

/** What a probe or watch of the disk has seen, in a line. */
export const diskLine = ({ p50, p99, longest, stood }) =>
  `write and flush p50 ${digits(p50)} ms, p99 ${digits(p99)} ms, longest ${digits(longest)} ms; stands of 50 ms and more: ${digits(stood)} ms of each second`

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n')
}

/** results: of each run its figures (a report.json) and what was seen of the machine. */
export function tableOf(results) {
  const rows = (table) => aligned(table.map(([title, of]) => [title, median(results.map(of))]).filter(([, text]) => !text.includes('NaN')))
  const kept = results.filter(({ figures }) => holds(figures).holds).length
  const heading = `${kept} of ${results.length} hold; median (least to greatest) of ${results.length} run${results.length > 1 ? 's' : ''}`
  const warnings = [...new Set(results.map(({ figures }) => figures.generators.warning).filter(Boolean))]
  return [heading, rows(RATES), '', rows(LATENCIES), '', aligned(partsTable(results)), '', rows(KERNEL), '', rows(DISK), ...warnings.map((text) => `warning: ${text}`), ''].join('\n')
}
