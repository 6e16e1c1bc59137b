/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of something there was while nobody counted, from the windows in which it was counted: bytes, or calls. Pure.
 *
 * The time is not that of the clock but what the program itself has computed, which is known all along: a program that is slowed down, or
 * waits, does less in a second, but not in a second of its CPU time (a ratio estimate, with CPU time as the auxiliary variable).
 *
 * Until the next window the rate is taken to stay as it was in the last one; then, to have gone over evenly from the one to the other.
 *
 * What makes it wrong: chance, since windows are short (what they differed by says how much); change, since between two windows it may
 * have become another rate at any moment; and bias, since what the program computed itself in a window is only known as well as the
 * cost of its probes is. Chance and change are variances, bias adds up.
 */
#ifndef MEMGAP_GOVERNOR_ESTIMATE_H
#define MEMGAP_GOVERNOR_ESTIMATE_H

#include <stdbool.h>

struct estimate {
	bool may_fall;   /* set by the caller: else the amount never does */
	double amount;   /* uncounted so far */
	double variance, bias; /* of that */
	double pending_s; /* uncounted before the first window */
	/* since the last window: */
	double rate;     /* as it was in that, per second */
	double gap_s, gap_amount;
	double owed;     /* of what was said before: it was too much, and is not taken back, but left out later */
	/* of the last windows, the older the less: */
	double windows, amounts, seconds, squares; /* their number, what was counted, in what time, deviations from what was expected */
	double biases;   /* amounts that may be due to bias */
	double window, window_s; /* of the last one alone: what was counted, in what time */
};

/*
 * So much was counted while the program computed for so long; bias: the part by which that time may be wrong.
 */
void estimate_window(struct estimate *estimate, double amount, double seconds, double bias);
/* It computed for so long, and was not counted. */
void estimate_gap(struct estimate *estimate, double seconds);
/* In 95 of 100 cases the amount is wrong by no more; INFINITY: something was not counted, and nothing is known of it. */
double estimate_error(const struct estimate *estimate);

#endif
