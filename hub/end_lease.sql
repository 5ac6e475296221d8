-- This hub has ended. $1 uuid: its incarnation. While a device still counts as its own the lease stays, and runs out:
-- then whoever clears it away knows when the device was last seen.
DELETE FROM hub_leases
 WHERE incarnation = $1::uuid
   AND NOT EXISTS (SELECT FROM devices WHERE incarnation = $1::uuid AND left_at IS NULL);
