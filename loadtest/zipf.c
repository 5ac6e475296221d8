#include "loadtest/zipf.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/random.h"

#define SHARES (UINT64_C(1) << 53) /* as many as a double tells apart */

double load_zipf_weight(double skew, size_t number)
{
    return pow((double)(number + 1), -skew);
}

void load_zipf_init(struct load_zipf *zipf, double skew, size_t first, size_t step, size_t count)
{
    double sum = 0;
    *zipf = (struct load_zipf){0};
    zipf->sums = osy_alloc_array(count / step + 1, sizeof(*zipf->sums));
    for (size_t number = first; number < count; number += step) {
        sum += load_zipf_weight(skew, number);
        zipf->sums[zipf->count++] = sum;
    }
}

void load_zipf_deinit(struct load_zipf *zipf)
{
    free(zipf->sums);
    *zipf = (struct load_zipf){0};
}

double load_zipf_total(const struct load_zipf *zipf)
{
    return zipf->count > 0 ? zipf->sums[zipf->count - 1] : 0;
}

size_t load_zipf_at(const struct load_zipf *zipf, double share)
{
    double wanted = share * load_zipf_total(zipf);
    size_t low = 0, high = zipf->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zipf->sums[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t load_zipf_draw(const struct load_zipf *zipf)
{
    return load_zipf_at(zipf, (double)osy_random_below(SHARES) / (double)SHARES);
}
