/* The handlers of restaurants; routes.c says where they are. All run on a worker. */
#pragma once

struct api_request;
struct api_worker;
struct osy_uuid;

void api_handle_get_settings(struct api_worker *worker, struct api_request *request);
void api_handle_put_settings(struct api_worker *worker, struct api_request *request);
void api_handle_list_devices(struct api_worker *worker, struct api_request *request);

/* Replies with what a query says about a restaurant ($1): the JSON in its only column. No row: 404
 * RESTAURANT_NOT_FOUND. */
void api_restaurant_reply(struct api_worker *worker, struct api_request *request, const char *sql,
                          const struct osy_uuid *restaurant_id);
