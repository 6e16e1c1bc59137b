/* SPDX-License-Identifier: GPL-2.0-only */
/* The figures of a target, each a family with one series a target: where a snapshot has them, and what they are called. */
#ifndef MEMGAP_OUTPUT_PROMETHEUS_FIGURES_H
#define MEMGAP_OUTPUT_PROMETHEUS_FIGURES_H

#include "user/gap/snapshot.h"
#include "user/output/prometheus_writer.h"

enum prometheus_kind {
	FIGURE_NUMBER, /* an int64_t, in base units */
	FIGURE_SCALED, /* an int64_t, in base units when multiplied by the scale; below 0: there is no bound */
	FIGURE_REAL,   /* a double, likewise */
};

struct prometheus_figure {
	struct prometheus_family family;
	enum prometheus_kind kind;
	double scale;
	size_t offset; /* in struct snapshot */
	size_t needs;  /* the offset of an int64_t there: as long as it is not known, the figure is not either */
};

extern const struct prometheus_figure prometheus_figures[];
extern const size_t prometheus_figures_n;

/* A sample; none where the figure is not known. */
void prometheus_figure_write(struct prometheus_writer *writer, const struct prometheus_figure *figure, const char *labels,
			     const struct snapshot *snapshot);

#endif
