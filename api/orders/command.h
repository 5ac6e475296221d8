/*
 * A command: one request to create an order or to move one on, on its way through the order writer, and
 * what became of it. Whoever makes it fills the first part and hands it to api_order_writer_submit; on_done
 * shows it on the loop thread with `result` filled. One owner at a time, so there are no locks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/blind_index.h"
#include "shared/buffer.h"
#include "shared/event.h"
#include "shared/trace.h"
#include "shared/uuid.h"

#define API_ORDER_LINES_MAX     50
#define API_ORDER_OPTIONS_MAX   200 /* of all lines */
#define API_ORDER_CODE_BYTES    6   /* 5 characters and the NUL */
#define API_ORDER_HASH_BYTES    32
#define API_ORDER_ADDRESS_BYTES 46 /* an IPv6 address as text, with the NUL */
#define API_ORDER_DEVICE_BYTES  65 /* 64 characters and the NUL, as on sockets */

struct api_order_command;
struct api_order_step;

enum api_order_outcome {
    API_ORDER_UNDECIDED = 0,
    API_ORDER_DONE,       /* written, in this transaction or (the answer was lost) before */
    API_ORDER_REPLAY,     /* an earlier request with this key did it: its result */
    API_ORDER_RETRY,      /* depends on others of its batch: decided in the next one */
    API_ORDER_KEY_REUSED, /* the key came with another body before */
    API_ORDER_CUSTOMER_ERASED,
    API_ORDER_RESTAURANT_NOT_FOUND,
    API_ORDER_RESTAURANT_CLOSED,
    API_ORDER_RESTAURANT_UNREACHABLE,
    API_ORDER_UNKNOWN_ITEM,       /* result.item_id */
    API_ORDER_ITEM_UNAVAILABLE,   /* result.item_id */
    API_ORDER_UNKNOWN_OPTION,     /* result.item_id, line, culprit_id: the option */
    API_ORDER_OPTION_UNAVAILABLE, /* as before */
    API_ORDER_OPTION_COUNT,       /* as before, culprit_id: the group with too few or too many */
    API_ORDER_OUT_OF_STOCK,       /* result.item_id */
    API_ORDER_TOO_LARGE,          /* its events would not fit into a frame */
    API_ORDER_NOT_FOUND,          /* no such order in this restaurant */
    API_ORDER_CONFLICT,           /* another status or version: result has the present state */
    API_ORDER_FAILED,             /* the database refused this very command */
    API_ORDER_UNAVAILABLE,        /* not in time; nothing was written */
    API_ORDER_UNCERTAIN,          /* not in time; it may have been written */
    API_ORDER_OUTCOME_COUNT,
};

const char *api_order_outcome_name(enum api_order_outcome outcome); /* "out_of_stock" */
/* From the names above; what is not known is API_ORDER_FAILED. */
enum api_order_outcome api_order_outcome_parse(const char *name);

struct api_order_result {
    enum api_order_outcome outcome;
    struct osy_uuid item_id;
    uint64_t line; /* from 1 on; 0: no line's fault */
    struct osy_uuid culprit_id;
    /* DONE and REPLAY: the event that was made */
    struct osy_uuid order_id, event_id;
    struct osy_uuid previous_event_id; /* before it in the restaurant's stream; nil: not known */
    uint64_t seq, version;
    int64_t time_ms;
    char *data; /* owned; the order's public JSON; also with CONFLICT: as it is now */
    size_t data_length;
    char changed_by[16]; /* CONFLICT: role that made the last change */
    char changed_at[32]; /* CONFLICT: when, RFC 3339; RESTAURANT_CLOSED: when it opens, or "" */
};

struct api_order_line {
    struct osy_uuid item_id;
    int32_t quantity;
    size_t first_option, option_count;
};

/* A new order. The personal columns are encrypted already (api/privacy/order_cipher.h). */
struct api_order_draft {
    size_t line_count;
    struct osy_uuid *options; /* owned; NULL: no line has any */
    struct osy_buffer name, phone, address;
    struct osy_buffer note; /* empty: none, */
    struct osy_buffer
        line_notes; /* as here: JSON, an array of objects of line (from 0 on) and note */
    struct osy_buffer data_key; /* wrapped; empty: the customer's own */
    bool has_phone_index;
    uint8_t phone_index[OSY_BLIND_INDEX_BYTES];
    /* So many as are counted above. The last, because the rest is not cleared. */
    struct api_order_line lines[API_ORDER_LINES_MAX];
};

struct api_order_change {
    char *reason;                        /* owned; NULL: none */
    int64_t version;                     /* that the order must have; 0: any */
    int64_t ready_ms;                    /* when it will be ready, wall clock; 0: nothing is said */
    char device[API_ORDER_DEVICE_BYTES]; /* on which it was done; "": not told */
};

/* Called once, on the loop thread. command is borrowed for the call: the writer destroys it. */
typedef void (*api_order_done_fn)(struct api_order_command *command);

struct api_order_command {
    const struct api_order_step *step; /* NULL: a new order */
    struct osy_uuid order_id, restaurant_id;
    struct osy_uuid event_id; /* random; also how a lost answer is found again */
    struct osy_uuid audit_id;
    const char *actor_role; /* static */
    bool has_actor;         /* false for guests */
    struct osy_uuid actor_id;
    struct osy_uuid session_id;            /* nil: none */
    char address[API_ORDER_ADDRESS_BYTES]; /* the client's; empty: none */
    char traceparent[OSY_TRACEPARENT_BYTES];
    bool has_key;
    uint8_t key_hash[API_ORDER_HASH_BYTES], body_hash[API_ORDER_HASH_BYTES];
    api_order_done_fn on_done;
    void *context;

    struct api_order_result result;

    /* the writer's */
    struct api_order_command *next;
    int64_t deadline_ms;             /* monotonic */
    bool was_sent;                   /* to a server that did not answer: its outcome is not known */
    uint64_t taken_ns, committed_ns; /* monotonic; the latter once a transaction has decided it */

    union { /* whoever makes it fills this, too; it ends with the draft's lines */
        struct api_order_draft draft;   /* step == NULL */
        struct api_order_change change; /* step != NULL */
    };
};

/* A command, zeroed but for the lines of its draft, with fresh event and audit ids. */
struct api_order_command *api_order_command_create(const struct api_order_step *step);
void api_order_command_destroy(struct api_order_command *command); /* NULL is fine */
/* The event that a command has made: its outcome is DONE or REPLAY. Borrows from the command. */
struct osy_event api_order_command_event(const struct api_order_command *command);

/* The number that people call out: the last 25 bits of the order's id in Crockford's base32. */
void api_order_code(const struct osy_uuid *order_id, char code[API_ORDER_CODE_BYTES]);
/* The 25 bits, as people type them: either case, and O, I and L for the digits that they look like. */
bool api_order_code_parse(const char *text, uint32_t *bits);
