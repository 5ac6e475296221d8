-- api/audit/list_by_subject.sql: as list_by_restaurant.sql, of what is on record about one subject ($2), with the steps
-- of orders.
SELECT id, utc_text(at), (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor_role, actor_id, session_id, address,
       action, subject_id, trace_id, old_value, new_value
  FROM audit_logs
 WHERE restaurant_id = $1::uuid AND subject_id = $2::uuid
   AND ($3::uuid IS NULL OR actor_id = $3::uuid) AND ($4::text IS NULL OR action = $4)
   AND at >= coalesce($5::timestamptz, '-infinity') AND at < coalesce($6::timestamptz, 'infinity')
   AND (at, id) < (coalesce('epoch'::timestamptz + $7::bigint * interval '1 microsecond', 'infinity'),
                   coalesce($8::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
 ORDER BY at DESC, id DESC
 LIMIT $9::integer;
