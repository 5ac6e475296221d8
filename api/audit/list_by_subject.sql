-- api/audit/list_by_subject.sql: as list_by_restaurant.sql, of what is on record about one subject ($2), with the steps
-- of orders; $1 null: what is no restaurant's.
SELECT id, utc_text(at), (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor_role, actor_id, session_id, address,
       action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE restaurant_id IS NOT DISTINCT FROM $1::uuid AND subject_id = $2::uuid
   AND ($3::uuid IS NULL OR actor_id = $3::uuid) AND ($4::text IS NULL OR action = $4)
   AND at >= CASE WHEN $5::timestamptz IS NULL THEN '-infinity' ELSE $5::timestamptz END
   AND at < CASE WHEN $6::timestamptz IS NULL THEN 'infinity' ELSE $6::timestamptz END
   AND (at, id) < (CASE WHEN $7::bigint IS NULL THEN 'infinity'
                        ELSE 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' END,
                   CASE WHEN $8::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $8::uuid END)
 ORDER BY at DESC, id DESC
 LIMIT $9::integer;
