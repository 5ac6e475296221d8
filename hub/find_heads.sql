-- Where restaurants' streams stand. $1 uuid[]: restaurants. A row for each that exists.
SELECT restaurant_id, seq, last_event_id
  FROM restaurant_streams
 WHERE restaurant_id = ANY ($1::uuid[]);
