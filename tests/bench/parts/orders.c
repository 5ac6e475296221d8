/* Orders: the body that comes, and the reply that goes. */
#include <stdlib.h>

#include "api/orders/command.h"
#include "api/orders/new_order.h"
#include "api/orders/reply.h"
#include "shared/alloc.h"
#include "tests/bench/parts/part.h"

static const char body[] =
    "{\"restaurant_id\":\"01890000-0000-7000-8000-000000010001\",\"items\":["
    "{\"item_id\":\"01890000-0000-7000-8000-000000001001\",\"quantity\":2},"
    "{\"item_id\":\"01890000-0000-7000-8000-000000001002\",\"quantity\":1}],"
    "\"customer\":{\"name\":\"홍길동\",\"phone\":\"+82 2-000-0000\","
    "\"address\":\"서울특별시 강남구 테헤란로 123, 4층\"},\"note\":\"양파는 빼 주세요\"}";

static void *begin_nothing(const struct osy_keyring *keyring)
{
    (void)keyring;
    return NULL;
}

static void end_nothing(void *state)
{
    (void)state;
}

static void parse(void *state, size_t times)
{
    (void)state;
    while (times-- > 0) {
        struct api_new_order *order = api_new_order_parse(body, sizeof body - 1, NULL);
        bench_check(order, "reading an order");
        api_new_order_destroy(order);
    }
}

struct answer {
    struct api_order_command *command; /* owned */
    struct osy_buffer text;
};

static void *begin_answer(const struct osy_keyring *keyring)
{
    struct answer *answer = osy_alloc(sizeof *answer);
    struct api_order_result *result;
    (void)keyring;
    answer->command = api_order_command_create(NULL);
    result = &answer->command->result;
    *result = (struct api_order_result){.outcome = API_ORDER_DONE, .seq = 1000, .version = 1};
    result->data = osy_strdup(BENCH_ORDER_JSON);
    result->data_length = sizeof BENCH_ORDER_JSON - 1;
    return answer;
}

static void end_answer(void *state)
{
    struct answer *answer = state;
    api_order_command_destroy(answer->command);
    osy_buffer_deinit(&answer->text);
    free(answer);
}

static void write_answer(void *state, size_t times)
{
    struct answer *answer = state;
    while (times-- > 0) {
        osy_buffer_clear(&answer->text);
        api_order_append_result(&answer->text, answer->command);
        bench_use(answer->text.bytes);
    }
}

const struct bench_part bench_order_parts[] = {
    {"order.parse_body", begin_nothing, parse, end_nothing},
    {"order.write_reply", begin_answer, write_answer, end_answer},
    {0},
};
