# Shared by up, down and ctl: where a local stack keeps things, and how each of its programs is started,
# stopped and asked whether it is ready. Sourced by bash with `root` (the checkout) and `state` set.
#
# The state folder:
#   config    ports, counts and secrets of this stack (0600), written by up
#   env       what tools and tests source: addresses, process ids, settings (0600)
#   run/      NAME.pid: "<pid> <start time>"; both must match, so a recycled pid is never signalled
#   log/      NAME.log: stdout and stderr of each program
#   keys/     signing and data keys;  redis*/ nginx/  their files;  postgres/  data (see postgres_data)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# ---- configuration ----------------------------------------------------------------------------------

load_config() {
    [ -r "$state/config" ] || return 1
    # shellcheck source=/dev/null
    source "$state/config"
    database_url=$(database_url_of owner)
    # A stack of an older version has one Redis, and tells its port only; a benchmark's has nobody who signs in.
    : "${redis_count:=1}" "${redis_ports:=${redis_port:-}}" "${edge_workers:=2}" \
        "${redis_cluster:=no}" "${demo_owner_password:=}"
    redis_url=$(redis_url_of 1)
    edge_url=http://127.0.0.1:$edge_port
    ws_url=ws://127.0.0.1:$edge_port
}

# As whom each kind of program comes to PostgreSQL; `owner` migrates. The names are those of 0020_row_security.sql.
database_kinds=(owner api worker hub admin)
database_role_of() { [ "$1" = owner ] && echo ordersync || echo "ordersync_$1"; }

# A password for each, made of the one in the configuration.
database_password_of() {
    [ "$1" = owner ] && echo "$database_password" && return
    printf '%s %s' "$1" "$database_password" | sha256sum | cut -c1-48
}

database_url_of() { # database_url_of KIND [PORT]
    echo "postgresql://$(database_role_of "$1"):$(database_password_of "$1")@127.0.0.1:${2:-$postgres_port}/ordersync"
}

redis_port_of() { nth "$1" "$redis_ports"; }
redis_url_of() { echo "redis://:$redis_password@127.0.0.1:$(redis_port_of "$1")/0"; }

redis_addresses() {
    local port
    for port in $redis_ports; do printf '127.0.0.1:%s\n' "$port"; done
}
redis_cluster_url() { echo "cluster://:$redis_password@$(redis_addresses | paste -sd ';')"; }

# The first has the name that a single one has; a server's name decides whose restaurants it has.
redis_name() { [ "$1" = 1 ] && echo redis || echo "redis-$1"; }
redis_names() {
    local i
    for ((i = 1; i <= redis_count; i++)); do redis_name "$i"; done
}
redis_number() { [ "$1" = redis ] && echo 1 || echo "${1#redis-}"; }

# Sets the two settings that say where Redis is, one of them to nothing. PORT: where the first is to be met.
set_redis_settings() { # set_redis_settings [PORT]
    local i port
    if [ "$redis_cluster" = yes ]; then
        ORDERSYNC_REDIS_URL=$(redis_cluster_url) ORDERSYNC_REDIS_URLS=
        return 0
    fi
    port=$(redis_port_of 1)
    ORDERSYNC_REDIS_URL=${redis_url/1:$port/1:${1:-$port}} ORDERSYNC_REDIS_URLS=
    [ "$redis_count" -gt 1 ] || return 0
    ORDERSYNC_REDIS_URLS=redis=$ORDERSYNC_REDIS_URL ORDERSYNC_REDIS_URL=
    for ((i = 2; i <= redis_count; i++)); do
        ORDERSYNC_REDIS_URLS+=,$(redis_name "$i")=$(redis_url_of "$i")
    done
}

# In the order in which they start.
component_names() {
    local i
    echo postgres
    redis_names
    for ((i = 1; i <= apis; i++)); do echo "api-$i"; done
    for ((i = 1; i <= hubs; i++)); do echo "hub-$i"; done
    printf 'worker-1\nnginx\n'
}

# Not grep -q: it leaves at the first match, and who still writes to it fails.
is_component() { component_names | grep -xF -- "$1" >/dev/null; }

# Replaces a file at once, readable by its owner only: stdin becomes $1.
write_private() {
    local temporary
    temporary=$(mktemp "$1.XXXXXX")
    cat >"$temporary"
    mv -f "$temporary" "$1"
}

shell_quote() { # for a line that every POSIX shell and simple parser reads: export NAME='value'
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

# ---- processes --------------------------------------------------------------------------------------

start_time_of() { # field 22 of /proc/<pid>/stat; the second field may hold blanks and brackets
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*)}
    # A zombie whose other threads are still going (field 20 counts them) still holds its ports.
    { [ "$1" != Z ] || [ "${18}" -gt 1 ]; } && echo "${20}"
}

pid_of() { # prints the pid of a running component, or fails
    local pid started
    { read -r pid started <"$state/run/$1.pid"; } 2>/dev/null || return 1
    [ "$(start_time_of "$pid")" = "$started" ] && echo "$pid"
}

# launch NAME COMMAND...: in a session of its own, so that Ctrl-C in the terminal reaches only `up`, which
# then stops everything in order.
launch() {
    local name=$1 pid
    shift
    # The descriptors 8 and 9 hold our locks; a server must not keep them.
    setsid "$@" </dev/null >>"$state/log/$name.log" 2>&1 8>&- 9>&- &
    pid=$!
    disown $pid
    echo "$pid $(start_time_of $pid)" >"$state/run/$name.pid"
}

wait_gone() { # wait_gone NAME SECONDS
    local deadline=$((SECONDS + $2))
    while pid_of "$1" >/dev/null; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}

# stop_component NAME SECONDS: asks, waits, then insists.
stop_component() {
    local name=$1 patience=$2 pid signal=TERM
    if pid=$(pid_of "$name"); then
        case $name in
        postgres) signal=INT ;; # fast shutdown: TERM would wait for its clients to leave
        nginx) signal=QUIT ;;
        esac
        # A paused process does not see any signal but KILL.
        kill -CONT "$pid" 2>/dev/null || true
        kill -$signal "$pid" 2>/dev/null || true
        # nginx waits for its sockets, which end when their hubs do: a second, quick request ends that.
        if [ "$name" = nginx ] && ! wait_gone nginx 1; then
            kill -TERM "$pid" 2>/dev/null || true
        fi
        if ! wait_gone "$name" "$patience"; then
            say "$name did not stop within $patience s: killing it"
            kill -KILL "$pid" 2>/dev/null || true
            wait_gone "$name" 5 || true
        fi
    fi
    rm -f "$state/run/$name.pid"
}

kill_component() {
    local pid
    pid=$(pid_of "$1") || die "$1 is not running"
    # nginx's workers live on without their master: its whole session goes.
    if [ "$1" = nginx ]; then
        kill -KILL -- "-$pid"
    else
        kill -KILL "$pid"
    fi
    wait_gone "$1" 10 || die "$1 survived SIGKILL"
    rm -f "$state/run/$1.pid"
}

raise_descriptor_limit() {
    ulimit -Hn 262144 2>/dev/null || true
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
}

# ---- PostgreSQL -------------------------------------------------------------------------------------
# It refuses to run as root, so root lends it the system's user `postgres`.

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs -- "$@")
    else
        "$@"
    fi
}

postgres_bin() {
    local folder
    folder=$(find /usr/lib/postgresql -maxdepth 2 -name bin -type d 2>/dev/null | sort -V | tail -1)
    [ -n "$folder" ] && echo "$folder"
}

# Inside the state folder, or, where `postgres` cannot get there (a checkout below /root), in /var/lib.
postgres_data() {
    local inside=$state/postgres
    if [ "$(id -u)" != 0 ] || as_postgres test -x "$state"; then
        echo "$inside"
    else
        echo "/var/lib/ordersync-local-$(printf '%s' "$state" | sha256sum | cut -c1-12)"
    fi
}

create_postgres() {
    local data=$1 bin password_file
    bin=$(postgres_bin) || die "PostgreSQL is not installed"
    install -d -m 0700 "$data"
    password_file=$data.pw
    (umask 077 && printf '%s\n' "$postgres_password" >"$password_file")
    [ "$(id -u)" != 0 ] || chown postgres:postgres "$data" "$password_file"
    as_postgres "$bin/initdb" --pgdata="$data" --username=postgres --pwfile="$password_file" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
        >"$state/log/initdb.log" 2>&1 || die "initdb failed: $(tail -5 "$state/log/initdb.log")"
    rm -f "$password_file"
}

# An eighth of the memory, 1 GB at most: what is touched of it is taken.
postgres_buffers_mb() {
    awk '/^MemTotal:/ { mb = int($2 / 8192); print (mb > 1024 ? 1024 : (mb < 128 ? 128 : mb)) }' /proc/meminfo
}

start_postgres() {
    local data bin
    data=$(postgres_data)
    bin=$(postgres_bin) || die "PostgreSQL is not installed"
    [ -e "$data/PG_VERSION" ] || create_postgres "$data"
    # After a kill -9 its backends need a moment to notice, and a new server waits for the last of them.
    local deadline=$((SECONDS + 30))
    while processes_in_folder "$data" >/dev/null; do
        [ $SECONDS -lt $deadline ] || die "old PostgreSQL processes still use $data"
        sleep 0.1
    done
    # Nobody works in the data folder, so its lock is a leftover. PostgreSQL itself cannot tell when the
    # dead server is a zombie, as in containers whose first process does not collect the dead.
    rm -f "$data/postmaster.pid"
    local as=()
    [ "$(id -u)" != 0 ] ||
        as=(setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs --)
    # Parameters and statement texts stay out of the log: they hold personal data.
    launch postgres env -C / "${as[@]}" "$bin/postgres" -D "$data" \
        -c listen_addresses=127.0.0.1 -c port="$postgres_port" -c unix_socket_directories= \
        -c max_connections=200 -c shared_buffers="$(postgres_buffers_mb)MB" \
        -c fsync=on -c synchronous_commit=on -c max_wal_size=2GB -c min_wal_size=1GB \
        -c log_parameter_max_length=0 -c log_parameter_max_length_on_error=0 \
        -c log_error_verbosity=terse -c log_min_error_statement=panic -c timezone=UTC
}

processes_in_folder() { # prints the pids whose working folder is $1, or fails
    local link found=1
    for link in /proc/[0-9]*/cwd; do
        if [ "$(readlink "$link" 2>/dev/null)" = "$1" ]; then
            link=${link%/cwd}
            echo "${link##*/}"
            found=0
        fi
    done
    return $found
}

# The roles are none of the owner's business: with the right to make some (CREATEROLE) it could become each of them.
create_database() {
    local admin=postgresql://postgres@127.0.0.1:$postgres_port/postgres kind
    local -x PGPASSWORD=$postgres_password OSY_ROLE OSY_PASSWORD
    for kind in "${database_kinds[@]}"; do
        OSY_ROLE=$(database_role_of "$kind") OSY_PASSWORD=$(database_password_of "$kind")
        # From the environment: an argument could be seen in the list of processes.
        psql -Xq "$admin" -v ON_ERROR_STOP=1 <<'SQL'
\getenv role OSY_ROLE
\getenv password OSY_PASSWORD
SELECT format('CREATE ROLE %I', :'role') WHERE to_regrole(:'role') IS NULL \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password';
SQL
    done
    psql -Xq "$admin" -v ON_ERROR_STOP=1 <<'SQL'
SELECT 'CREATE DATABASE ordersync OWNER ordersync'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'ordersync') \gexec
REVOKE ALL ON DATABASE ordersync FROM PUBLIC;
GRANT CONNECT ON DATABASE ordersync TO ordersync_api, ordersync_worker, ordersync_hub, ordersync_admin;
SQL
}

# ---- the other components ---------------------------------------------------------------------------

start_redis() { # start_redis NUMBER
    local name folder
    name=$(redis_name "$1")
    folder=$state/$name
    mkdir -p "$folder"
    # noeviction: an evicted stream would be a silent hole. No persistence: the truth is in PostgreSQL.
    write_private "$folder/redis.conf" <<END
bind 127.0.0.1
port $(redis_port_of "$1")
requirepass $redis_password
dir $(shell_quote "$folder")
daemonize no
save ""
appendonly no
maxmemory 1gb
maxmemory-policy noeviction
tcp-backlog 511
END
    [ "$redis_cluster" = no ] || cat >>"$folder/redis.conf" <<END
masterauth $redis_password
cluster-enabled yes
cluster-port $(nth "$1" "$redis_bus_ports")
cluster-node-timeout 3000
cluster-replica-validity-factor 0
cluster-require-full-coverage no
repl-diskless-sync-delay 0
END
    launch "$name" redis-server "$folder/redis.conf"
}

# Three masters, and a replica of each.
create_redis_cluster() {
    # shellcheck disable=SC2046
    REDISCLI_AUTH=$redis_password redis-cli --cluster create $(redis_addresses) --cluster-replicas 1 \
        --cluster-yes >>"$state/log/setup.log" 2>&1
}

# Exports the settings that all programs know; KIND is as whom this one comes to PostgreSQL. In a subshell: what the
# caller's shell has set for ORDERSYNC_* (a tester's limits, say) reaches the programs too, unless it is set here.
export_environment() { # export_environment KIND
    # ctl may name other ports: those of proxies, where a test cuts the wire.
    set_redis_settings "${via_redis_port:-}"
    ORDERSYNC_DATABASE_URL=$(database_url_of "$1" "${via_postgres_port:-}")
    export ORDERSYNC_DATABASE_URL ORDERSYNC_REDIS_URL ORDERSYNC_REDIS_URLS \
        ORDERSYNC_KEYS_DIR=$state/keys ORDERSYNC_PUBLIC_URL=$edge_url \
        ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
}

start_api() {
    (
        export_environment api
        # A benchmark's choice; a hub would not know the setting.
        [ -z "${api_password_hash:-}" ] || export ORDERSYNC_PASSWORD_HASH=$api_password_hash
        ORDERSYNC_LISTEN=127.0.0.1:$(nth "$1" "$api_ports")
        # All clients of a local stack have this machine's addresses; load generators have many of them.
        export ORDERSYNC_LISTEN ORDERSYNC_RATE_EXEMPT=${ORDERSYNC_RATE_EXEMPT-127.0.0.0/8,::1}
        launch "api-$1" "$bin_dir/ordersync-api" serve
    )
}

start_hub() {
    # Beside its sockets a hub wants 1152 descriptors (hub/descriptors.c): handshakes, PostgreSQL, Redis.
    local sockets=$(($(ulimit -n) - 1152))
    (
        export_environment hub
        ORDERSYNC_LISTEN=127.0.0.1:$(nth "$1" "$hub_ports")
        ORDERSYNC_ADMIN_LISTEN=127.0.0.1:$(nth "$1" "$hub_admin_ports")
        export ORDERSYNC_LISTEN ORDERSYNC_ADMIN_LISTEN ORDERSYNC_HUB_ID=hub-$1
        export ORDERSYNC_ALLOWED_ORIGINS=$edge_url,http://localhost:$edge_port
        export ORDERSYNC_SOCKETS_MAX=${ORDERSYNC_SOCKETS_MAX:-$((sockets < 50000 ? sockets : 50000))}
        launch "hub-$1" "$bin_dir/ordersync-hub"
    )
}

start_worker() {
    (
        export_environment worker
        export ORDERSYNC_ADMIN_LISTEN=127.0.0.1:$worker_port ORDERSYNC_AUDIT_HEADS_DIR=$state/audit-heads
        launch worker-1 "$bin_dir/ordersync-api" work
    )
}

start_nginx() {
    local api_servers='' hub_servers='' port listen=127.0.0.1:$edge_port
    # Many workers are there for their descriptors, so the kernel has to spread the sockets among them: whoever
    # is first to wake up takes them all otherwise.
    [ "$edge_workers" -le 2 ] || listen+=' reuseport'
    for port in $api_ports; do api_servers+="server 127.0.0.1:$port max_fails=0; "; done
    # max_fails=0: nginx takes a failed server back only when a request to it has ended well, and a socket
    # ends after hours. A dead hub refuses at once and a draining one answers 503, so asking costs nothing.
    for port in $hub_ports; do hub_servers+="server 127.0.0.1:$port max_fails=0; "; done
    mkdir -p "$state/nginx/tmp"
    # All clients of a local stack have this machine's address, load generators too.
    local edge_exempt="127.0.0.0/8 0; ::1 0;"
    # The edge of a local stack runs as whoever started it: it reads pages in that person's checkout.
    sed -e "s|@USER@|$(id -un)|" -e "s|@LISTEN@|$listen|" -e "s|@WORKERS@|$edge_workers|" \
        -e "s|@API_SERVERS@|$api_servers|" -e "s|@HUB_SERVERS@|$hub_servers|" \
        -e "s|@PAGES@|$root/clients/web/dist|" -e "s|@WS_ORIGIN@|$ws_url|" \
        -e "s|@EXEMPT@|$edge_exempt|" -e "s|@RUN@|$state/nginx|" -e "s|@DESCRIPTORS@|$(ulimit -n)|" \
        -e "s|@CONNECTIONS@|$(($(ulimit -n) < 65535 ? $(ulimit -n) : 65535))|" \
        "$root/deploy/nginx/ordersync.conf.in" >"$state/nginx/nginx.conf"
    launch nginx nginx -p "$state/nginx" -c "$state/nginx/nginx.conf" -e stderr -g 'daemon off;'
}

nth() { # nth 2 "a b c" -> b
    # shellcheck disable=SC2086
    set -- "$1" $2
    shift "$1"
    echo "$1"
}

start_component() {
    case $1 in
    api-*) start_api "${1#api-}" ;;
    hub-*) start_hub "${1#hub-}" ;;
    worker-1) start_worker ;;
    redis*) start_redis "$(redis_number "$1")" ;;
    *) "start_$1" ;;
    esac
}

answers() { curl -fsS --noproxy '*' -o /dev/null --max-time 2 "$1" 2>/dev/null; }

is_ready() {
    case $1 in
    postgres) PGPASSWORD=$postgres_password psql -XAtq -c 'SELECT 1' \
        "postgresql://postgres@127.0.0.1:$postgres_port/postgres?connect_timeout=2" >/dev/null 2>&1 ;;
    redis*) [ "$(REDISCLI_AUTH=$redis_password timeout 2 redis-cli -h 127.0.0.1 \
        -p "$(redis_port_of "$(redis_number "$1")")" ping 2>/dev/null)" = PONG ] ;;
    api-*) answers "http://127.0.0.1:$(nth "${1#api-}" "$api_ports")/ready" ;;
    hub-*) answers "http://127.0.0.1:$(nth "${1#hub-}" "$hub_admin_ports")/ready" ;;
    worker-1) answers "http://127.0.0.1:$worker_port/ready" ;;
    nginx) answers "$edge_url/" ;;
    esac
}

show_log_tail() {
    say "--- the end of $state/log/$1.log:"
    tail -n 20 "$state/log/$1.log" >&2 || true
}

wait_ready() { # wait_ready NAME SECONDS
    local name=$1 deadline=$((SECONDS + $2))
    until is_ready "$name"; do
        if ! pid_of "$name" >/dev/null; then
            say "$name ended while it was starting"
        elif [ $SECONDS -ge $deadline ]; then
            say "$name was not ready within $2 s"
        else
            sleep 0.1
            continue
        fi
        show_log_tail "$name"
        return 1
    done
}

# ---- what tools read --------------------------------------------------------------------------------

base_urls() { # base_urls "8081 8082" -> http://127.0.0.1:8081 http://127.0.0.1:8082
    local port urls=()
    for port in $1; do urls+=("http://127.0.0.1:$port"); done
    echo "${urls[*]}"
}

pids_of_kind() { # running ones only, of the components whose name begins so
    local name pids=()
    for name in $(component_names | grep "^$1"); do
        pids+=($(pid_of "$name")) || true
    done
    echo "${pids[*]}"
}

write_env() {
    local ORDERSYNC_REDIS_URL ORDERSYNC_REDIS_URLS
    set_redis_settings
    local pairs=(
        EDGE_URL "$edge_url" WS_URL "$ws_url"
        API_URLS "$(base_urls "$api_ports")" HUB_URLS "$(base_urls "$hub_ports")"
        HUB_ADMIN_URLS "$(base_urls "$hub_admin_ports")" WORKER_ADMIN_URLS "$(base_urls "$worker_port")"
        DATABASE_URL "$database_url" REDIS_URL "$redis_url"
        API_PIDS "$(pids_of_kind api-)" HUB_PIDS "$(pids_of_kind hub-)"
        WORKER_PIDS "$(pids_of_kind worker-)" POSTGRES_PIDS "$(pids_of_kind postgres)"
        REDIS_PIDS "$(pids_of_kind redis)" NGINX_PIDS "$(pids_of_kind nginx)"
        DEMO_RESTAURANT_ID "$demo_restaurant" DEMO_OWNER_EMAIL "$demo_owner"
        DEMO_OWNER_PASSWORD "$demo_owner_password" BIN_DIR "$bin_dir" STATE_DIR "$state"
        API_DATABASE_URL "$(database_url_of api)" WORKER_DATABASE_URL "$(database_url_of worker)"
        HUB_DATABASE_URL "$(database_url_of hub)" ADMIN_DATABASE_URL "$(database_url_of admin)"
        ORDERSYNC_DATABASE_URL "$(database_url_of admin)"
        ORDERSYNC_REDIS_URL "$ORDERSYNC_REDIS_URL" ORDERSYNC_REDIS_URLS "$ORDERSYNC_REDIS_URLS"
        ORDERSYNC_KEYS_DIR "$state/keys" ORDERSYNC_PUBLIC_URL "$edge_url"
    )
    local i
    for ((i = 0; i < ${#pairs[@]}; i += 2)); do
        printf 'export %s=%s\n' "${pairs[i]}" "$(shell_quote "${pairs[i + 1]}")"
    done | write_private "$state/env"
}

# admin COMMAND...: ordersync-api's short commands, against this stack.
admin() {
    (
        export_environment "$([ "$1" = migrate ] && echo owner || echo admin)"
        "$bin_dir/ordersync-api" "$@"
    )
}

demo_restaurant=01890000-0000-7000-8000-000000000001

demo_owner=owner@demo.example

# An account for the demo restaurant; one that is there stays as it is.
make_demo_owner() {
    admin users enable --email "$demo_owner" 2>/dev/null ||
        admin users create --email "$demo_owner" --name 'Demo owner' --role owner \
            --restaurant "$demo_restaurant" <<<"$demo_owner_password"
}

print_addresses() {
    local token owner stop=deploy/local/down
    [ "$state" = "$root/.local" ] || stop+=" --state $state"
    token=$(admin token --role staff --restaurant "$demo_restaurant" --ttl 43200) || return 0
    owner=$(admin token --role owner --restaurant "$demo_restaurant" --ttl 43200) || return 0
    cat <<END

OrderSync is up:
  order something   $edge_url/order/#restaurant=$demo_restaurant
  kitchen's tablet  $edge_url/tablet/#token=$token&restaurant=$demo_restaurant
  owner's dashboard $edge_url/dashboard/#token=$owner
  all pages         $edge_url/
  owner's account   $demo_owner, password $demo_owner_password
  HTTP API          $edge_url/docs/
Logs: $state/log/   Settings for tools: . $state/env   Stop: $stop
END
}

# Our programs first, all at once, while the edge still carries their good-byes to the clients; then what they
# stand on. 20 s: the API needs up to 15 to answer what it has taken.
stop_all() {
    local name pid
    local programs
    programs=$(component_names | grep -E '^(api|hub|worker)-')
    for name in $programs; do
        if pid=$(pid_of "$name"); then
            kill -CONT "$pid" 2>/dev/null || true
            kill -TERM "$pid" 2>/dev/null || true
        fi
    done
    for name in $programs nginx $(redis_names) postgres; do
        stop_component "$name" 20
    done
}
