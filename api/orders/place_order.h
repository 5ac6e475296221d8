/* What becomes of a new order once its request has been read: encrypted, written, answered with 201. */
#pragma once

struct api_context;
struct api_new_order;
struct api_request;

/* Gives the request its reply, now or later. Takes order. Loop thread. */
void api_order_place(struct api_context *context, struct api_request *request,
                     struct api_new_order *order);
