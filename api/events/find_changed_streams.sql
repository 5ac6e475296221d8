-- api/events/find_changed_streams.sql: streams whose last change lies in (since, now - grace], and where to go on next time.
-- $1 text: since, as returned before, or null for all streams; $2 integer: grace, ms: the API is about to
-- publish what is younger.
-- One row at least: the first column is the next $1, the second tells one server from another; restaurant_id, seq
-- and last_event_id are null when there is none.
-- A sequential scan over one short row per restaurant, on purpose: an index on updated_at would take
-- away the HOT updates of the busiest rows.
SELECT upto.at::text AS next_since, pg_postmaster_start_time()::text AS server,
       s.restaurant_id, s.seq, s.last_event_id
  FROM (SELECT clock_timestamp() - make_interval(secs => $2::integer / 1000.0) AS at) AS upto
  LEFT JOIN restaurant_streams s
         ON s.seq > 0
        AND s.updated_at <= upto.at
        -- Half a minute of margin: a row's time is older than its commit.
        AND ($1::timestamptz IS NULL OR s.updated_at > $1::timestamptz - interval '30 seconds');
