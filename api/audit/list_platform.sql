-- api/audit/list_platform.sql: as list_by_restaurant.sql, of what is on record about no restaurant ($1 is null): sign-ins,
-- denials, accounts, keys; by whomever ($3 is null) and whatever was done ($4 is null).
SELECT id, utc_text(at), (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor_role, actor_id, session_id, address,
       action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE restaurant_id IS NULL AND $1::uuid IS NULL AND action NOT LIKE 'order.%' AND $2::uuid IS NULL
   AND $3::uuid IS NULL AND $4::text IS NULL
   AND at >= CASE WHEN $5::timestamptz IS NULL THEN '-infinity' ELSE $5::timestamptz END
   AND at < CASE WHEN $6::timestamptz IS NULL THEN 'infinity' ELSE $6::timestamptz END
   AND (at, id) < (CASE WHEN $7::bigint IS NULL THEN 'infinity'
                        ELSE 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' END,
                   CASE WHEN $8::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $8::uuid END)
 ORDER BY at DESC, id DESC
 LIMIT $9::integer;
