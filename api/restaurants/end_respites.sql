-- api/restaurants/end_respites.sql: takes back pauses and busy times whose end has come, at most 100 of each; a row for each.
SELECT end_respites(100);
