/* The handlers of restaurants; routes.c says where they are. All run on a worker. */
#pragma once

struct api_request;
struct api_worker;
struct osy_uuid;

void api_handle_get_restaurant(struct api_worker *worker, struct api_request *request);
void api_handle_get_profile(struct api_worker *worker, struct api_request *request);
void api_handle_patch_profile(struct api_worker *worker, struct api_request *request);
void api_handle_get_settings(struct api_worker *worker, struct api_request *request);
void api_handle_put_settings(struct api_worker *worker, struct api_request *request);
void api_handle_patch_settings(struct api_worker *worker, struct api_request *request);
void api_handle_get_hours(struct api_worker *worker, struct api_request *request);
void api_handle_put_hours(struct api_worker *worker, struct api_request *request);
void api_handle_pause(struct api_worker *worker, struct api_request *request);
void api_handle_resume(struct api_worker *worker, struct api_request *request);
void api_handle_start_busy(struct api_worker *worker, struct api_request *request);
void api_handle_end_busy(struct api_worker *worker, struct api_request *request);
void api_handle_list_staff(struct api_worker *worker, struct api_request *request);
void api_handle_add_staff(struct api_worker *worker, struct api_request *request);
void api_handle_remove_staff(struct api_worker *worker, struct api_request *request);
void api_handle_list_devices(struct api_worker *worker, struct api_request *request);

/* Replies with what a query says about a restaurant ($1): the JSON in its only column. No row: 404
 * RESTAURANT_NOT_FOUND. */
void api_restaurant_reply(struct api_worker *worker, struct api_request *request, const char *sql,
                          const struct osy_uuid *restaurant_id);
