-- api/auth/lock_user.sql: nobody changes this account until the transaction ends. $1 uuid: user. One row or none.
SELECT id FROM users WHERE id = $1::uuid FOR NO KEY UPDATE;
