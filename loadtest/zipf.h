/*
 * Zipf's law: of so many, number i (from 0) has the weight 1 / (i + 1)^skew. With 0 all weigh the same; with 1
 * the first of 200 has a sixth of everything, as popular restaurants have. Pure but for the draw.
 */
#pragma once
#include <stddef.h>

double load_zipf_weight(double skew, size_t number);

struct load_zipf {
    double *sums; /* owned: of the weights up to each one, the last one included */
    size_t count;
};

/* The numbers first, first + step, first + 2 * step... of count in all: those of one generator. */
void load_zipf_init(struct load_zipf *zipf, double skew, size_t first, size_t step, size_t count);
void load_zipf_deinit(struct load_zipf *zipf);
double load_zipf_total(const struct load_zipf *zipf); /* the sum of all weights */
/* Which of them (0 for first, 1 for first + step...) lies at that share (0 to 1, without 1) of the weights. */
size_t load_zipf_at(const struct load_zipf *zipf, double share);
size_t load_zipf_draw(const struct load_zipf *zipf); /* at random */
