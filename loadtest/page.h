/* The report as one page that needs nothing else: the template page.html with the figures in it. */
#pragma once
#include <stddef.h>

#include "shared/buffer.h"

/* json goes into a <script>, where no text of it may end the script or begin a comment. */
void load_page_write(struct osy_buffer *out, const char *json, size_t length);
