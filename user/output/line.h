/* SPDX-License-Identifier: GPL-2.0-only */
/* What the line format has to say of trims, for the other formats that people read. */
#ifndef MEMGAP_OUTPUT_LINE_H
#define MEMGAP_OUTPUT_LINE_H

#include <stdbool.h>

#include "user/output/output.h"

void line_trim_triggered(struct output *output, const struct trim_event *event);
void line_trim_ended(struct output *output, const struct trim_event *event);
void line_trim_regrown(struct output *output, const struct trim_regrowth *regrowth);

/* false: all was said when it was triggered, and line_trim_ended() prints nothing. */
bool line_tells_end(const struct trim_event *event);

#endif
