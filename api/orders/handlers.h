/* The handlers of orders, one file each; routes.c says where they are. */
#pragma once

struct api_context;
struct api_request;
struct api_worker;

/* On the loop: they hand a command to the order writer and reply when it has reported. */
void api_handle_create_order(struct api_context *context, struct api_request *request);
void api_handle_change_order(struct api_context *context, struct api_request *request);
void api_handle_cancel_order(struct api_context *context, struct api_request *request);
void api_handle_reorder(struct api_context *context, struct api_request *request);
/* On a worker: they query. */
void api_handle_get_order(struct api_worker *worker, struct api_request *request);
void api_handle_get_timeline(struct api_worker *worker, struct api_request *request);
void api_handle_list_orders(struct api_worker *worker, struct api_request *request);
void api_handle_search_orders(struct api_worker *worker, struct api_request *request);
void api_handle_list_own_orders(struct api_worker *worker, struct api_request *request);
