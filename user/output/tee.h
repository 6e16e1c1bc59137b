/* SPDX-License-Identifier: GPL-2.0-only */
/* An output that gives what it is given to two others. */
#ifndef MEMGAP_OUTPUT_TEE_H
#define MEMGAP_OUTPUT_TEE_H

#include "user/output/output.h"

struct tee_output {
	struct output output;
	struct output *to[2]; /* the caller's */
};

void tee_output_init(struct tee_output *tee, struct output *a, struct output *b);

#endif
