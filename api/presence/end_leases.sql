-- api/presence/end_leases.sql: clears away the leases of hubs that have died. Their devices were last seen when the lease ended,
-- unless another hub has seen them since: then the row is no longer this hub's.
-- Devices are taken in the order in which hubs write them (hub/write_devices.sql), so that nobody waits in a circle.
-- A row for each restaurant whose devices have changed. Any number of workers may do this; a hub that renews its lease at
-- the same moment finds it gone, makes a new one and tells of its devices again (hub/reports.c).
WITH ended AS MATERIALIZED (
    SELECT incarnation, expires_at FROM hub_leases WHERE expires_at < now() FOR UPDATE SKIP LOCKED
), abandoned AS MATERIALIZED (
    SELECT d.restaurant_id, d.device, ended.expires_at
      FROM ended JOIN devices d ON d.incarnation = ended.incarnation
     WHERE d.left_at IS NULL
     ORDER BY d.restaurant_id, d.device
       FOR NO KEY UPDATE OF d
), departed AS (
    UPDATE devices d
       SET left_at = greatest(abandoned.expires_at, d.connected_at)
      FROM abandoned
     WHERE d.restaurant_id = abandoned.restaurant_id AND d.device = abandoned.device
    RETURNING d.restaurant_id
), cleared AS (
    DELETE FROM hub_leases lease USING ended WHERE lease.incarnation = ended.incarnation
)
SELECT DISTINCT restaurant_id FROM departed;
