-- api/presence/judge_reachability.sql: decides which restaurants orders can reach. With a device that has an open socket on a hub
-- with a lease: yes. Without one: no longer, once its last device has been away for the restaurant's offline_after_s.
-- $1 boolean: whether a restaurant may become unreachable now.
-- A row for each restaurant whose state has changed: restaurant, reachable. Only those are written, so any number of
-- workers may judge.
WITH seen AS (
    SELECT d.restaurant_id,
           bool_or(d.left_at IS NULL AND coalesce(lease.expires_at > now(), false)) AS is_here,
           max(coalesce(d.left_at, lease.expires_at, d.connected_at)) AS last_seen
      FROM devices d
      LEFT JOIN hub_leases lease ON lease.incarnation = d.incarnation
     GROUP BY d.restaurant_id
), judged AS (
    SELECT seen.restaurant_id, known.reachable AS was_reachable,
           seen.is_here OR (coalesce(known.reachable, true)
                            AND (NOT $1::boolean
                                 OR seen.last_seen > now() - make_interval(secs => r.offline_after_s))) AS reachable
      FROM seen
      JOIN restaurants r ON r.id = seen.restaurant_id
      LEFT JOIN restaurant_reachability known ON known.restaurant_id = seen.restaurant_id
)
INSERT INTO restaurant_reachability AS known (restaurant_id, reachable, since)
SELECT restaurant_id, reachable, now()
  FROM judged
 WHERE was_reachable IS DISTINCT FROM reachable
 ORDER BY restaurant_id
ON CONFLICT (restaurant_id) DO UPDATE
   SET reachable = EXCLUDED.reachable, since = EXCLUDED.since
 WHERE known.reachable <> EXCLUDED.reachable
RETURNING known.restaurant_id, known.reachable;
