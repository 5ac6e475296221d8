-- api/restaurants/list_devices.sql: a restaurant's devices, as the JSON of the reply: those that are here first, then those that
-- were seen last; at most 100. $1 uuid: restaurant. One row or none.
-- A device of a hub without a lease is not here, even if no worker has noted that yet.
SELECT row_to_json(reply)::text
  FROM (SELECT r.id AS restaurant_id, reachability.reachable, utc_text(reachability.since) AS since,
               (SELECT coalesce(array_to_json(array_agg(row_to_json(line))), '[]')
                  FROM (SELECT known.device, utc_text(known.connected_at) AS connected_at,
                               utc_text(known.gone_at) AS left_at
                          FROM (SELECT d.device, d.connected_at,
                                       CASE WHEN d.left_at IS NULL AND lease.expires_at > now() THEN NULL
                                            ELSE coalesce(d.left_at, lease.expires_at, d.connected_at) END AS gone_at
                                  FROM devices d
                                  LEFT JOIN hub_leases lease ON lease.incarnation = d.incarnation
                                 WHERE d.restaurant_id = r.id) known
                         ORDER BY known.gone_at DESC NULLS FIRST, known.device
                         LIMIT 100) line) AS devices
          FROM restaurants r
          LEFT JOIN restaurant_reachability reachability ON reachability.restaurant_id = r.id
         WHERE r.id = $1::uuid) reply;
