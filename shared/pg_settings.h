/*
 * Settings of a database session whose statements are set-based probes of indexes. Their plans must not
 * depend on statistics: a plan made while the tables are empty is still used when they are not. So there is
 * one generic plan, of index probes in nested loops, whatever the planner thinks of it.
 */
#pragma once

#define OSY_PG_PROBES_ONLY                                                     \
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"              \
    " -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off" \
    " -c enable_material=off -c enable_memoize=off -c jit=off"
