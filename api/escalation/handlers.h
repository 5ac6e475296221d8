/* The handlers of routes.c. */
#pragma once

struct api_request;
struct api_worker;

void api_handle_get_webhook(struct api_worker *worker, struct api_request *request);
void api_handle_put_webhook(struct api_worker *worker, struct api_request *request);
void api_handle_delete_webhook(struct api_worker *worker, struct api_request *request);
void api_handle_get_ladder(struct api_worker *worker, struct api_request *request);
void api_handle_put_ladder(struct api_worker *worker, struct api_request *request);
