/* SPDX-License-Identifier: GPL-2.0-only */
/* An output that keeps what it is given, instead of printing it. */
#ifndef MEMGAP_OUTPUT_TO_STORE_H
#define MEMGAP_OUTPUT_TO_STORE_H

#include "user/output/output.h"
#include "user/store/store.h"

struct store_output {
	struct output output;
	struct store *store; /* the caller's */
};

void store_output_init(struct store_output *output, struct store *store);

#endif
