/*
 * What has been sold, seen afterwards, so that taking an order costs nothing more: a thread of `ordersync-api work` looks at
 * restaurants whose streams have moved, tells of what there is little of (menu.low_stock), once for each time that it runs
 * low, and counts what was ordered (popular.h): seldom, because a count costs as much for one order of a restaurant as for
 * many. Any number of workers may look: each count and each warning is one's alone.
 */
#pragma once
#include "shared/error.h"

struct api_config;
struct api_sales;

struct api_sales *api_sales_start(const struct api_config *config, struct osy_error *err);
void api_sales_stop(struct api_sales *sales); /* NULL is fine */
