-- api/escalation/postpone_acceptances.sql: of some orders those that should have accepted themselves and have not are left for
-- a while. $1 uuid[]: the orders.
UPDATE orders SET accept_at = now() + interval '5 seconds'
 WHERE id IN (SELECT id FROM orders
               WHERE id = ANY ($1::uuid[]) AND status = 'PENDING' AND accept_at <= now()
                 FOR UPDATE SKIP LOCKED); -- who holds one is about to change it
