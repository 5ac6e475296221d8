#include "loadtest/heap.h"

#include <stdlib.h>

#include "shared/alloc.h"

void load_heap_deinit(struct load_heap *heap)
{
    free(heap->entries);
    *heap = (struct load_heap){0};
}

static void swap(struct load_heap *heap, size_t a, size_t b)
{
    struct load_heap_entry entry = heap->entries[a];
    heap->entries[a] = heap->entries[b];
    heap->entries[b] = entry;
}

void load_heap_push(struct load_heap *heap, uint64_t due_ns, void *thing)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? 2 * heap->capacity : 64;
        heap->entries = osy_realloc_array(heap->entries, heap->capacity, sizeof(*heap->entries));
    }
    size_t at = heap->count++;
    heap->entries[at] = (struct load_heap_entry){due_ns, thing};
    for (; at > 0 && heap->entries[(at - 1) / 2].due_ns > due_ns; at = (at - 1) / 2)
        swap(heap, at, (at - 1) / 2);
}

uint64_t load_heap_first(const struct load_heap *heap)
{
    return heap->count > 0 ? heap->entries[0].due_ns : UINT64_MAX;
}

static size_t earlier_child(const struct load_heap *heap, size_t at)
{
    size_t left = 2 * at + 1, right = left + 1;
    return right < heap->count && heap->entries[right].due_ns < heap->entries[left].due_ns ? right
                                                                                           : left;
}

void *load_heap_pop(struct load_heap *heap, uint64_t *due_ns)
{
    if (heap->count == 0)
        return NULL;
    struct load_heap_entry first = heap->entries[0];
    heap->entries[0] = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child = earlier_child(heap, at);
         child < heap->count && heap->entries[child].due_ns < heap->entries[at].due_ns;
         child = earlier_child(heap, at)) {
        swap(heap, at, child);
        at = child;
    }
    if (due_ns)
        *due_ns = first.due_ns;
    return first.thing;
}
