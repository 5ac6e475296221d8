// What PostgreSQL must say after the faults. Events that are for the restaurant alone have no order_version: they
// count in its stream and in no order's.

const claims = [
  {
    name: 'there are events at all',
    sql: 'SELECT count(*) = 0 FROM order_events',
  },
  {
    name: "every restaurant's events are numbered 1 to its counter",
    sql: `SELECT count(*) <> 0 FROM restaurant_streams s LEFT JOIN (
            SELECT restaurant_id, count(*) AS events, min(seq) AS first, max(seq) AS last
              FROM order_events GROUP BY restaurant_id) e USING (restaurant_id)
           WHERE s.seq <> coalesce(e.events, 0) OR s.seq <> coalesce(e.last, 0)
              OR coalesce(e.first, 1) <> 1`,
  },
  {
    name: "every order's events are numbered 1 to its version",
    sql: `SELECT count(*) <> 0 FROM orders o LEFT JOIN (
            SELECT order_id, count(*) AS events, max(order_version) AS last
              FROM order_events WHERE order_version IS NOT NULL GROUP BY order_id) e ON e.order_id = o.id
           WHERE o.version <> coalesce(e.events, 0) OR o.version <> coalesce(e.last, 0)`,
  },
  {
    name: 'no idempotency key made two orders',
    sql: `SELECT count(*) <> 0 FROM (
            SELECT 1 FROM idempotency WHERE order_version = 1
             GROUP BY order_id HAVING count(*) > 1) twice`,
  },
]

/** Every order of the load was answered with 201, and the other way round. since: the time before its first one. */
async function sameOrders(stack, acknowledged, since) {
  const counts = await stack.query(`
    CREATE TEMP TABLE acknowledged (id uuid);
    \\copy acknowledged FROM '${acknowledged}'
    SELECT (SELECT count(*) - count(DISTINCT id) FROM acknowledged) || ' acknowledged twice, '
        || (SELECT count(*) FROM acknowledged a WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = a.id)) || ' missing, '
        || (SELECT count(*) FROM orders o WHERE o.created_at >= '${since}'
               AND NOT EXISTS (SELECT 1 FROM acknowledged a WHERE a.id = o.id)) || ' that nobody was told of'`)
  if (counts !== '0 acknowledged twice, 0 missing, 0 that nobody was told of') throw new Error(counts)
}

export const timeOf = (stack) => stack.query('SELECT clock_timestamp()')

/** One check for each claim: { name, run }; run fails when PostgreSQL says otherwise. */
export const truths = (stack, load, since) => [
  ...claims.map(({ name, sql }) => ({
    name,
    run: async () => {
      if ((await stack.query(sql)) !== 'f') throw new Error(`PostgreSQL says otherwise: ${sql}`)
    },
  })),
  { name: 'every acknowledged order exists once, and no other', run: () => sameOrders(stack, load.acknowledged, since) },
]
