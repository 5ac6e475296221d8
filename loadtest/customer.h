/*
 * A customer: places an order now and then, and follows the latest one on a socket with the tracking
 * token that came with it. The old socket stays until the new one is live, so that the number of open
 * sockets never falls; and until every status change that the kitchen has made has come, so that each
 * order is judged to its end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadtest/feed.h"
#include "loadtest/ledger.h"

struct load_run;
struct load_customer;

struct load_follow {                /* one order on one socket */
    struct load_customer *customer; /* borrowed */
    struct load_feed *feed;         /* owned */
    char *token;                    /* owned: the order's tracking token */
    struct load_trail trail;
    bool is_retiring; /* a later order of the customer is live */
    struct load_follow *older;
};

struct load_customer {
    struct load_run *run;       /* borrowed */
    size_t restaurant;          /* its number */
    struct load_follow *latest; /* owned, with those older; NULL before the first order */
    bool is_ready;              /* has had a live socket */
};

void load_customer_init(struct load_customer *customer, struct load_run *run, size_t restaurant);
void load_customer_deinit(struct load_customer *customer);
/* due_ns: when the order was due; 0 for preparation: nothing is measured, and it insists. */
void load_customer_order(struct load_customer *customer, uint64_t due_ns);
/* An order that nobody follows. */
void load_walk_in_order(struct load_run *run, size_t restaurant, uint64_t due_ns);
/* Lets go of the sockets that a later one has replaced and that have seen all there was. */
void load_customer_retire(struct load_customer *customer);
/* Acknowledged events that the customer's sockets still lack. */
size_t load_customer_lacks(const struct load_customer *customer);
