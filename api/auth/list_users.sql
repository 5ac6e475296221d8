-- api/auth/list_users.sql: all accounts, oldest first. A row for each: its id.
SELECT id FROM users ORDER BY id;
