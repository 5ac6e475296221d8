# Shared by the benchmarks' scripts: building, a server or a stack of their own, CPU time of processes, medians.
# Sourced by bash with `here` (this folder) set. `state`, once it is set, is a folder of the run's own, which goes
# when the script ends, with whatever was started in it.

# shellcheck shell=bash
# shellcheck disable=SC2154 # here
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/local/lib.sh
source "$root/deploy/local/lib.sh"

program() { echo "$root/build/release/bin/$1"; }

build_release() { # build_release TARGET...: says something only when it fails
    local output
    output=$(cd "$root" && cmake --preset release 2>&1 && cmake --build --preset release --target "$@" 2>&1) ||
        die "the build failed: $output"
}

make_state() { # on a disk: where a temporary folder may be memory, a durable order would cost nothing
    mkdir -p "$root/build"
    state=$(mktemp -d "$root/build/bench-XXXXXX")
    chmod 711 "$state"
    mkdir -p "$state"/{run,log}
    trap clean_up EXIT
    trap 'exit 130' INT TERM
}

clean_up() {
    trap : INT TERM # whoever asks again does not cut this short
    if [ -e "$state/env" ]; then
        "$root/deploy/local/down" --state "$state" >/dev/null 2>&1 || true
    else
        stop_component postgres 20
    fi
    local data
    data=$(postgres_data)
    rm -rf "$data" "$state"
}

# A PostgreSQL server as the local stack's, durable, and nothing beside it. Its database is migrated and has
# restaurants. Exports ORDERSYNC_DATABASE_URL, as which `serve` would come, DATABASE_URL, as its owner, and POSTGRES_PIDS.
start_own_postgres() { # start_own_postgres RESTAURANTS PORT
    export PGCONNECT_TIMEOUT=2
    postgres_port=$2 postgres_password=bench database_password=bench redis_port=0 redis_password=none
    ! (: <"/dev/tcp/127.0.0.1/$postgres_port") 2>/dev/null || die "port $postgres_port is busy: name another with --port"
    start_component postgres
    wait_ready postgres 60 || exit 1
    create_database
    ORDERSYNC_DATABASE_URL=$(database_url_of api) DATABASE_URL=$(database_url_of owner)
    export ORDERSYNC_DATABASE_URL DATABASE_URL
    POSTGRES_PIDS=$(pid_of postgres)
    export POSTGRES_PIDS
    ORDERSYNC_DATABASE_URL=$DATABASE_URL "$root/build/release/bin/ordersync-api" migrate >/dev/null
    ORDERSYNC_DATABASE_URL=$(database_url_of admin) "$root/build/release/bin/ordersync-api" seed --restaurants "$1" >/dev/null
}

# CPU time that the processes and their children have used, in microseconds. A child that is gone counts with
# whoever waited for it.
cpu_us() { # cpu_us PID...
    local pid
    for pid in "$@" $(children_of "$@"); do
        cat "/proc/$pid/stat" 2>/dev/null || true
    done | awk -v hz="$(getconf CLK_TCK)" '
        { sub(/.*\) /, ""); ticks += $12 + $13 + $14 + $15 }
        END { printf "%.0f\n", ticks * 1e6 / hz }'
}

children_of() { # of a process's main thread: PostgreSQL's and nginx's have no other
    local pid
    for pid in "$@"; do
        cat "/proc/$pid/task/$pid/children" 2>/dev/null || true
    done
}

# "median (least to greatest)" of the numbers on stdin.
median() {
    sort -g | awk '{ v[NR] = $1 } END {
        if (NR == 0) { print "-"; exit }
        m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
        f = m >= 1000 ? "%.0f (%.0f to %.0f)\n" : "%.1f (%.1f to %.1f)\n"
        printf f, m, v[1], v[NR] }'
}
