/* The subcommands of ordersync-api, each in a file of its own. Exit codes: 0 ok, 1 failed, 2 usage. */
#pragma once

int api_serve_main(int argc, char **argv);   /* api/serve.c */
int api_work_main(int argc, char **argv);    /* api/work.c */
int api_migrate_main(int argc, char **argv); /* api/db/migrate_command.c */
int api_seed_main(int argc, char **argv);    /* api/restaurants/seed_command.c */
int api_token_main(int argc, char **argv);   /* api/auth/token_command.c */
int api_revoke_main(int argc, char **argv);  /* api/auth/revoke_command.c */
int api_users_main(int argc, char **argv);   /* api/auth/users_command.c */
int api_routes_main(int argc, char **argv);  /* api/routes_command.c */
int api_keys_main(int argc, char **argv);    /* api/auth/keys_command.c */
int api_privacy_main(int argc, char **argv); /* api/privacy/privacy_command.c */
int api_audit_main(int argc, char **argv);   /* api/audit/audit_command.c */
