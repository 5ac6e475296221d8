/*
 * The kitchen: moves orders on, one status at a time. Two ways:
 *
 *   at random   (the default) some followed order one step on, at the rate of status changes
 *   by cooking  (--cook) each order is accepted, prepared, ready and complete, each step after a random delay of
 *               the mean that is given for it (exponential), and all kitchens together make at most as many
 *               changes a second as the rate says. What the bound holds up waits, in the order in which it was due.
 *
 * Both are open loops: a change counts from when it was due, which under the bound is when its turn came. Runs
 * on the loop's thread.
 */
#pragma once
#include <stdint.h>

struct load_customer;
struct load_kitchen;
struct load_order;
struct load_run;

struct load_kitchen *load_kitchen_create(struct load_run *run); /* borrows run */
void load_kitchen_destroy(struct load_kitchen *kitchen);        /* NULL is fine */
/* An order was accepted. customer: who follows it; NULL: nobody does. Both are borrowed until the end. */
void load_kitchen_take(struct load_kitchen *kitchen, struct load_order *order,
                       struct load_customer *customer);
/* From now_ns on, for so many seconds: changes per second, from one rate to the other; cooking, at most as many as
 * the higher one. */
void load_kitchen_pace(struct load_kitchen *kitchen, double from, double to, double seconds,
                       uint64_t now_ns);
/* Makes the changes that are due until then. */
void load_kitchen_tick(struct load_kitchen *kitchen, uint64_t until_ns);
