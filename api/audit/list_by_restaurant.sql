-- api/audit/list_by_restaurant.sql: a page of what is on record about a restaurant, newest first; steps of orders are
-- left out, which are found by their order (list_by_subject.sql).
-- $1 uuid: restaurant; $2 uuid: subject, null here; $3 uuid: actor; $4 text: action; $5 and $6 timestamptz: from then on,
-- and before then; $7 bigint and $8 uuid: only rows before this time (us of the epoch) and id; null: all; $9 integer: at most so many.
SELECT id, utc_text(at), (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor_role, actor_id, session_id, address,
       action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE restaurant_id = $1::uuid AND action NOT LIKE 'order.%' AND $2::uuid IS NULL
   AND ($3::uuid IS NULL OR actor_id = $3::uuid) AND ($4::text IS NULL OR action = $4)
   AND at >= CASE WHEN $5::timestamptz IS NULL THEN '-infinity' ELSE $5::timestamptz END
   AND at < CASE WHEN $6::timestamptz IS NULL THEN 'infinity' ELSE $6::timestamptz END
   AND (at, id) < (CASE WHEN $7::bigint IS NULL THEN 'infinity'
                        ELSE 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' END,
                   CASE WHEN $8::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $8::uuid END)
 ORDER BY at DESC, id DESC
 LIMIT $9::integer;
