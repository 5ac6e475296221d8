-- api/auth/find_user_by_email.sql: $1 bytea: blind index of an e-mail address. One row, the user's id, or none.
SELECT user_id FROM user_emails WHERE email_index = $1::bytea;
