-- The open orders of some restaurants in figures, as dashboards show them. $1 uuid[]: restaurants. A row for each that
-- exists: its id, the fields of the message `figures` but `as_of` as one JSON object, and `as_of`.
-- Only open orders are read, by the index orders_active.
SELECT r.id,
       json_build_object(
           'restaurant_id', r.id,
           'open', json_build_object(
               'PENDING', count(*) FILTER (WHERE o.status = 'PENDING'),
               'ACCEPTED', count(*) FILTER (WHERE o.status = 'ACCEPTED'),
               'PREPARING', count(*) FILTER (WHERE o.status = 'PREPARING'),
               'READY', count(*) FILTER (WHERE o.status = 'READY')),
           'oldest_pending_at', to_char(min(o.created_at) FILTER (WHERE o.status = 'PENDING') AT TIME ZONE 'UTC',
                                        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  FROM restaurants r
  LEFT JOIN orders o
    ON o.restaurant_id = r.id AND o.status IN ('PENDING', 'ACCEPTED', 'PREPARING', 'READY')
 WHERE r.id = ANY ($1::uuid[])
 GROUP BY r.id;
