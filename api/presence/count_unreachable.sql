-- api/presence/count_unreachable.sql: how many restaurants orders cannot reach. One row.
SELECT count(*) FROM restaurant_reachability WHERE NOT reachable;
