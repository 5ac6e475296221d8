-- api/audit/record_notes.sql: puts security events on record, as one link of the chain.
-- $1 json: an array of objects with the fields of an audit_entry; new_value in hex.
SELECT record_audits(array_agg(ROW (gen_random_uuid(), 'epoch'::timestamptz + note.at_ms * interval '1 millisecond', NULL,
                                    note.actor_role, note.actor_id, note.session_id, note.address, note.action,
                                    note.subject_id, note.trace_id, NULL, note.new_value::bytea)::audit_entry))
  FROM json_to_recordset($1::json)
       AS note (at_ms bigint, actor_role text, actor_id uuid, session_id uuid, address text, action text,
                subject_id uuid, trace_id text, new_value text);
