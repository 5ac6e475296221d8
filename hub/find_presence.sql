-- The devices of some restaurants, as dashboards show them. $1 uuid[]: restaurants. A row for each that exists: its id and
-- the fields of the message `presence` as one JSON object; the third column is unused. A device is here while its socket is
-- open on a hub whose lease runs.
SELECT r.id,
       json_build_object(
           'restaurant_id', r.id,
           'reachable', known.reachable,
           'since', to_char(known.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'devices', coalesce(here.devices, '[]'::json)),
       NULL
  FROM restaurants r
  LEFT JOIN restaurant_reachability known ON known.restaurant_id = r.id
 CROSS JOIN LATERAL (
        SELECT json_agg(json_build_object(
                   'device', d.device,
                   'connected_at', to_char(d.connected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
                   ORDER BY d.device) AS devices
          FROM devices d
          JOIN hub_leases lease ON lease.incarnation = d.incarnation
         WHERE d.restaurant_id = r.id
           AND d.left_at IS NULL
           AND lease.expires_at > now()) here
 WHERE r.id = ANY ($1::uuid[]);
