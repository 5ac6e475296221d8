/* The handlers of audit/routes.c. */
#pragma once

struct api_request;
struct api_worker;

void api_handle_list_audit(struct api_worker *worker, struct api_request *request);
