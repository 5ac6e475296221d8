-- api/audit/list_platform_by_action.sql: as list_platform.sql, of one action ($4), by whomever ($3 is null).
SELECT id, utc_text(at), (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor_role, actor_id, session_id, address,
       action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE restaurant_id IS NULL AND $1::uuid IS NULL AND action NOT LIKE 'order.%' AND $2::uuid IS NULL
   AND $3::uuid IS NULL AND action = $4::text
   AND at >= CASE WHEN $5::timestamptz IS NULL THEN '-infinity' ELSE $5::timestamptz END
   AND at < CASE WHEN $6::timestamptz IS NULL THEN 'infinity' ELSE $6::timestamptz END
   AND (at, id) < (CASE WHEN $7::bigint IS NULL THEN 'infinity'
                        ELSE 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' END,
                   CASE WHEN $8::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $8::uuid END)
 ORDER BY at DESC, id DESC
 LIMIT $9::integer;
