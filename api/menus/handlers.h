/* The handlers of menus, one file for what belongs together; routes.c says where they are. All run on a worker. */
#pragma once

struct api_request;
struct api_worker;

/* resource.c: one thing of the menu, whatever its kind. */
void api_handle_get_menu_part(struct api_worker *worker, struct api_request *request);
void api_handle_create_menu_part(struct api_worker *worker, struct api_request *request);
void api_handle_put_menu_part(struct api_worker *worker, struct api_request *request);
void api_handle_patch_menu_part(struct api_worker *worker, struct api_request *request);
void api_handle_delete_menu_part(struct api_worker *worker, struct api_request *request);
/* sold_out.c: what those in the kitchen say. */
void api_handle_set_sold_out(struct api_worker *worker, struct api_request *request);
void api_handle_set_stock(struct api_worker *worker, struct api_request *request);
/* reads.c */
void api_handle_get_menu(struct api_worker *worker, struct api_request *request);
void api_handle_get_own_menu(struct api_worker *worker, struct api_request *request);
/* popular_reads.c */
void api_handle_get_popular(struct api_worker *worker, struct api_request *request);
