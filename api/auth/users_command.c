/* `ordersync-api users`: accounts, from the command line: the first admin, and what no endpoint is for. */
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "api/auth/revocation.h"
#include "api/auth/session.h"
#include "api/auth/user.h"
#include "api/command.h"
#include "api/config.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/main.h"
#include "api/privacy/keyring.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/log.h"
#include "shared/pg.h"
#include "shared/redis_blocking_shards.h"
#include "shared/utf8.h"

#define REDIS_TIMEOUT_MS 2000
#define LINE_BYTES       (4 * API_PASSWORD_MAX + 2) /* a password, the line's end, the NUL */

static const char usage[] =
    "Usage: ordersync-api users create --email ADDRESS --name NAME --role ROLE [--restaurant ID]...\n"
    "       ordersync-api users list\n"
    "       ordersync-api users set-role --email ADDRESS --role ROLE [--restaurant ID]...\n"
    "       ordersync-api users disable --email ADDRESS\n"
    "       ordersync-api users enable --email ADDRESS\n"
    "\n"
    "Makes, shows and changes accounts. `create` reads the password from standard input (from a terminal\n"
    "without showing it) and prints the account's id. set-role and disable end all of its sessions.\n"
    "\n"
    "  --email ADDRESS  whose account\n"
    "  --name NAME      what the person is called\n"
    "  --role ROLE      customer, staff, owner or admin\n"
    "  --restaurant ID  what staff and owners may see, repeatable; set-role replaces the ones before\n"
    "\n"
    "Uses ORDERSYNC_DATABASE_URL, ORDERSYNC_KEYS_DIR and ORDERSYNC_REDIS_URL or ORDERSYNC_REDIS_URLS.\n";

struct users {
    struct api_config config;
    struct osy_keyring *keyring;
    struct osy_pg *pg;
    struct osy_redis_blocking_shards *redis;
    struct api_user user; /* what the options say of one */
    bool has_email, has_name, has_role;
    char id[OSY_UUID_TEXT_BYTES]; /* of the user that find_user found */
};

/* ---- options ---- */

static bool take_name(const char *text, struct api_user *user, struct osy_error *err)
{
    struct api_text name;
    if (!osy_utf8_valid(text, strlen(text)) ||
        osy_utf8_count(text, strlen(text)) > API_USER_NAME_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "--name must be UTF-8 of at most %d characters",
                             API_USER_NAME_MAX);
    if (!api_text_trim("--name", text, API_TEXT_ONE_LINE, &name, err))
        return false;
    snprintf(user->name, sizeof user->name, "%.*s", (int)name.length, name.bytes);
    return true;
}

static bool take_restaurant(const char *text, struct api_user *user, struct osy_error *err)
{
    if (user->restaurant_count == API_USER_RESTAURANTS_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "at most %d restaurants",
                             API_USER_RESTAURANTS_MAX);
    return osy_uuid_parse(text, strlen(text), &user->restaurants[user->restaurant_count++]) ||
           osy_error_set(err, OSY_ERR_INVALID, "--restaurant must be a UUID");
}

static bool take_option(int option, const char *value, struct users *users, struct osy_error *err)
{
    switch (option) {
    case 'e':
        users->has_email = true;
        return api_email_parse("--email", value, users->user.email, err);
    case 'n': users->has_name = true; return take_name(value, &users->user, err);
    case 'r':
        users->has_role = true;
        return osy_role_parse(value, &users->user.role) ||
               osy_error_set(err, OSY_ERR_INVALID,
                             "--role must be customer, staff, owner or admin");
    case 'R': return take_restaurant(value, &users->user, err);
    default: return osy_error_set(err, OSY_ERR_INVALID, "see ordersync-api users --help");
    }
}

static bool parse_options(int argc, char **argv, struct users *users, struct osy_error *err)
{
    static const struct option known[] = {
        {"email", required_argument, NULL, 'e'},
        {"name", required_argument, NULL, 'n'},
        {"role", required_argument, NULL, 'r'},
        {"restaurant", required_argument, NULL, 'R'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (!take_option(option, optarg, users, err))
            return false;
    }
    return optind == argc ||
           osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[optind]);
}

static bool check_role(const struct users *users, struct osy_error *err)
{
    const struct api_user *user = &users->user;
    bool has_restaurants = user->role == OSY_ROLE_STAFF || user->role == OSY_ROLE_OWNER;
    if (!users->has_role)
        return osy_error_set(err, OSY_ERR_INVALID, "--role is needed");
    return has_restaurants == (user->restaurant_count > 0) ||
           osy_error_set(err, OSY_ERR_INVALID, "--restaurant is for staff and owners, who need it");
}

static bool check_email(const struct users *users, struct osy_error *err)
{
    return users->has_email || osy_error_set(err, OSY_ERR_INVALID, "--email is needed");
}

/* ---- one account ---- */

static bool read_line(char line[LINE_BYTES], struct osy_error *err)
{
    if (!fgets(line, LINE_BYTES, stdin))
        return osy_error_set(err, OSY_ERR_INVALID, "no password on standard input");
    line[strcspn(line, "\r\n")] = '\0';
    size_t length = strlen(line), characters = osy_utf8_count(line, length);
    return (osy_utf8_valid(line, length) && characters >= API_PASSWORD_MIN &&
            characters <= API_PASSWORD_MAX) ||
           osy_error_set(err, OSY_ERR_INVALID, "the password must be UTF-8 of %d to %d characters",
                         API_PASSWORD_MIN, API_PASSWORD_MAX);
}

static bool read_password(char line[LINE_BYTES], struct osy_error *err)
{
    struct termios shown, hidden;
    bool is_terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (is_terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
        fputs("Password: ", stderr);
    }
    bool ok = read_line(line, err);
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    return ok;
}

/* What all of this is recorded as. */
static struct api_db_scope scope_of(const struct api_user *user)
{
    return (struct api_db_scope){.user_id = &user->id, .actor_role = "operator"};
}

static bool insert_user(struct users *users, struct osy_error *err)
{
    const struct api_db_scope scope = scope_of(&users->user);
    struct osy_buffer standing = OSY_BUFFER_INIT;
    bool is_taken = false;
    if (!api_db_begin(users->pg, &scope, err))
        return false;
    bool ok = api_user_insert(users->pg, users->keyring, &users->user, &is_taken, err) &&
              (!is_taken || osy_error_set(err, OSY_ERR_CONFLICT, "the e-mail address is taken"));
    api_user_append_standing(&standing, &users->user);
    ok = ok &&
         api_user_record(users->pg, users->keyring, "user.created", &users->user.id, NULL,
                         standing.bytes, err) &&
         api_db_commit(users->pg, err);
    if (!ok)
        api_db_rollback(users->pg);
    osy_buffer_deinit(&standing);
    return ok;
}

static bool run_create(struct users *users, struct osy_error *err)
{
    char password[LINE_BYTES], id[OSY_UUID_TEXT_BYTES];
    enum api_password_method method = API_PASSWORD_YESCRYPT;
    if (!check_email(users, err) || !check_role(users, err))
        return false;
    if (!users->has_name)
        return osy_error_set(err, OSY_ERR_INVALID, "--name is needed");
    (void)api_password_method_parse(users->config.password_hash, &method);
    users->user.id = osy_uuid_v7();
    bool ok = read_password(password, err) &&
              api_password_hash(users->keyring, method, password, users->user.password_hash, err) &&
              insert_user(users, err);
    OPENSSL_cleanse(password, sizeof password);
    if (!ok)
        return false;
    osy_uuid_format(&users->user.id, id);
    puts(id);
    return true;
}

static bool print_user(struct users *users, const char *id, struct osy_error *err)
{
    struct api_user user = {0};
    struct osy_uuid user_id;
    if (!osy_uuid_parse(id, strlen(id), &user_id))
        return osy_error_set(err, OSY_ERR_INVALID, "a user's id is no UUID");
    const struct api_db_scope scope = {.user_id = &user_id, .actor_role = "operator"};
    bool ok = api_user_load(users->pg, users->keyring, &scope, &user, err);
    if (ok)
        printf("%s  %-8s  %-8s  %s  %s\n", id, osy_role_name(user.role),
               user.is_disabled ? "disabled"
               : user.uses_totp ? "2fa"
                                : "-",
               user.email, user.name);
    api_user_wipe(&user);
    return ok;
}

static bool run_list(struct users *users, struct osy_error *err)
{
    PGresult *rows = osy_pg_query(users->pg, sql_list_users, 0, NULL, err);
    bool ok = rows != NULL;
    for (int i = 0; ok && i < PQntuples(rows); i++)
        ok = print_user(users, PQgetvalue(rows, i, 0), err);
    PQclear(rows);
    return ok;
}

static bool find_user(struct users *users, struct osy_error *err)
{
    struct osy_buffer literal = OSY_BUFFER_INIT;
    uint8_t digest[OSY_BLIND_INDEX_BYTES];
    if (!check_email(users, err))
        return false;
    api_email_index(users->keyring, users->user.email, digest);
    api_db_bytea_append(&literal, digest, sizeof digest);
    PGresult *row = osy_pg_query(users->pg, sql_find_user_by_email, 1,
                                 (const char *const[]){literal.bytes}, err);
    bool ok =
        row &&
        ((PQntuples(row) == 1 &&
          osy_uuid_parse(PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0), &users->user.id)) ||
         osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no such account"));
    PQclear(row);
    osy_buffer_deinit(&literal);
    if (ok)
        osy_uuid_format(&users->user.id, users->id);
    return ok;
}

/* A change of one account, by a statement that gives a row. */
struct account_change {
    const char *action, *sql;
    const char *const *values;
    int count;
    /* Appends what is recorded: of the account as it is, or as the change leaves it. */
    void (*append)(struct osy_buffer *json, const struct api_user *user);
    bool ends_sessions; /* a token says what was */
};

/* In the transaction, like all up to the commit: locks the account and reads it anew. */
static bool append_present(struct users *users, const struct account_change *change,
                           struct osy_buffer *json, struct osy_error *err)
{
    const struct api_db_scope scope = scope_of(&users->user);
    struct api_user now;
    bool ok = api_user_lock(users->pg, users->keyring, &scope, &now, err);
    if (ok)
        change->append(json, &now);
    api_user_wipe(&now);
    return ok;
}

static bool run_change(struct users *users, const struct account_change *change,
                       struct osy_error *err)
{
    struct osy_buffer old_json = OSY_BUFFER_INIT, new_json = OSY_BUFFER_INIT;
    PGresult *row = NULL;
    bool ok = append_present(users, change, &old_json, err) &&
              (row = osy_pg_query(users->pg, change->sql, change->count, change->values, err)) &&
              append_present(users, change, &new_json, err) &&
              api_user_record(users->pg, users->keyring, change->action, &users->user.id,
                              old_json.bytes, new_json.bytes, err);
    PQclear(row);
    osy_buffer_deinit(&old_json);
    osy_buffer_deinit(&new_json);
    return ok;
}

static bool end_sessions(struct users *users, struct api_sessions_ended *ended,
                         struct api_revocation *revocation, struct osy_error *err)
{
    const struct api_session_choice all = {.user_id = &users->user.id};
    return api_session_end(users->pg, users->keyring, &all, revocation->reason, ended, err) &&
           api_revocation_record(users->pg, users->keyring, revocation, err);
}

static bool change_user(struct users *users, const struct account_change *change,
                        struct osy_error *err)
{
    const struct api_db_scope scope = scope_of(&users->user);
    bool ends_sessions = change->ends_sessions;
    struct api_sessions_ended ended = {0};
    struct api_revocation revocation = {.what = {OSY_REVOCATION_USER, users->user.id, 0},
                                        .reason = "account changed"};
    bool ok = api_db_begin(users->pg, &scope, err) && run_change(users, change, err) &&
              (!ends_sessions || end_sessions(users, &ended, &revocation, err)) &&
              api_db_commit(users->pg, err);
    if (!ok) {
        api_db_rollback(users->pg);
        return false;
    }
    struct osy_error why = {0};
    api_session_announce(users->redis, &ended);
    if (ends_sessions && !api_revocation_announce(users->redis, &revocation, &why))
        fprintf(
            stderr,
            "ordersync-api users: done, but not announced (%s): it takes effect within seconds\n",
            why.message);
    return true;
}

static bool run_set_role(struct users *users, struct osy_error *err)
{
    struct osy_buffer ids = OSY_BUFFER_INIT;
    if (!check_role(users, err) || !find_user(users, err))
        return false;
    api_user_append_restaurants(&ids, &users->user);
    const char *const values[] = {users->id, osy_role_name(users->user.role), ids.bytes};
    const struct account_change change = {
        "user.role_changed", sql_set_user_role, values, 3, api_user_append_standing, true};
    bool ok = change_user(users, &change, err);
    osy_buffer_deinit(&ids);
    return ok;
}

static void append_disabled(struct osy_buffer *json, const struct api_user *user)
{
    osy_buffer_texts(json, "{\"disabled\":", user->is_disabled ? "true}" : "false}", NULL);
}

static bool run_disable(struct users *users, struct osy_error *err)
{
    const char *const values[] = {users->id, "t"};
    const struct account_change change = {
        "user.disabled", sql_set_user_disabled, values, 2, append_disabled, true};
    return find_user(users, err) && change_user(users, &change, err);
}

static bool run_enable(struct users *users, struct osy_error *err)
{
    const char *const values[] = {users->id, "f"};
    const struct account_change change = {
        "user.enabled", sql_set_user_disabled, values, 2, append_disabled, false};
    return find_user(users, err) && change_user(users, &change, err);
}

/* ---- the command ---- */

static const struct verb {
    const char *name;
    bool (*run)(struct users *users, struct osy_error *err);
} verbs[] = {
    {"create", run_create},   {"list", run_list},     {"set-role", run_set_role},
    {"disable", run_disable}, {"enable", run_enable},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static bool open_users(struct users *users, struct osy_error *err)
{
    if (!api_config_load(&users->config, API_CONFIG_DATABASE | API_CONFIG_KEYS | API_CONFIG_REDIS,
                         err))
        return false;
    users->keyring =
        api_keyring_load(&users->config, OSY_KEYS_DATA | OSY_KEYS_INDEX | OSY_KEYS_PEPPER, err);
    users->redis = osy_redis_blocking_shards_create(users->config.redis, REDIS_TIMEOUT_MS, err);
    users->pg = osy_pg_create(&(struct osy_pg_options){.url = users->config.database_url,
                                                       .application_name = "ordersync-api users"});
    return users->keyring && users->redis;
}

static void close_users(struct users *users)
{
    osy_pg_destroy(users->pg);
    osy_redis_blocking_shards_destroy(users->redis);
    osy_keyring_destroy(users->keyring);
    api_config_deinit(&users->config);
    api_user_wipe(&users->user);
}

int api_users_main(int argc, char **argv)
{
    struct users users = {0};
    struct osy_error err = {0};
    const struct verb *verb = find_verb(argc > 1 ? argv[1] : NULL);
    if (api_command_helps(argc, argv, usage))
        return 0;
    if (!verb) {
        fputs(usage, stderr);
        return 2;
    }
    osy_log_init("ordersync-api", OSY_LOG_WARN);
    bool ok = parse_options(argc - 1, argv + 1, &users, &err) && open_users(&users, &err) &&
              verb->run(&users, &err);
    close_users(&users);
    return api_command_end("users", ok, &err);
}
