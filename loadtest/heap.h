/* A heap of things by when they are due: the earliest comes out first. Borrows the things. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct load_heap { /* zero it; deinit frees it */
    struct load_heap_entry {
        uint64_t due_ns;
        void *thing;
    } * entries; /* owned */
    size_t count, capacity;
};

void load_heap_deinit(struct load_heap *heap);
void load_heap_push(struct load_heap *heap, uint64_t due_ns, void *thing);
uint64_t load_heap_first(const struct load_heap *heap); /* when it is due; UINT64_MAX when empty */
/* NULL when empty. due_ns may be NULL. */
void *load_heap_pop(struct load_heap *heap, uint64_t *due_ns);
