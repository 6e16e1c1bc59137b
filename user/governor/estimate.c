// SPDX-License-Identifier: GPL-2.0-only
#include "user/governor/estimate.h"

#include <math.h>

/* What one window counts for when the next comes: about eight count. */
#define KEPT (7.0 / 8)

/* Of one window alone nobody knows how much they differ. */
#define FIRST_DEVIATION 0.5

/* Standard deviations on either side. */
#define CERTAIN_95 1.96

static void correct(struct estimate *estimate, double correction)
{
	if (!estimate->may_fall && correction < 0) {
		estimate->owed -= correction;
		correction = 0;
	}
	estimate->amount += correction;
}

/* The gap before a window in which it was at that rate. */
static void settle_gap(struct estimate *estimate, double rate)
{
	double change = (rate - estimate->rate) * estimate->gap_s / 2;

	correct(estimate, (estimate->rate * estimate->gap_s + change) - estimate->gap_amount);
	/* it may have become another rate at any moment */
	estimate->variance += change * change;
}

/* A window with little in it says little of the rate. */
static double rate_in(const struct estimate *estimate, double amount, double seconds)
{
	double usual = estimate->windows > 0 ? estimate->seconds / estimate->windows : seconds;
	double known = usual > 0 ? fmin(1, seconds / usual) : 0;

	return seconds > 0 ? known * amount / seconds + (1 - known) * estimate->rate : estimate->rate;
}

void estimate_window(struct estimate *estimate, double amount, double seconds, double bias)
{
	double rate = rate_in(estimate, amount, seconds), deviation = amount * FIRST_DEVIATION, pending_s = estimate->pending_s;

	if (seconds < 0)
		return;
	if (estimate->seconds > 0) {
		settle_gap(estimate, rate);
		deviation = amount - estimate->amounts / estimate->seconds * seconds;
	}
	estimate->window = amount;
	estimate->window_s = seconds;
	estimate->rate = rate;
	estimate->gap_s = estimate->gap_amount = 0;
	estimate->windows = estimate->windows * KEPT + 1;
	estimate->amounts = estimate->amounts * KEPT + amount;
	estimate->seconds = estimate->seconds * KEPT + seconds;
	estimate->squares = estimate->squares * KEPT + deviation * deviation;
	estimate->biases = estimate->biases * KEPT + fabs(amount) * bias;
	if (estimate->seconds <= 0 || pending_s <= 0)
		return;
	estimate->pending_s = 0;
	estimate_gap(estimate, pending_s);
	estimate->gap_s = estimate->gap_amount = 0;
}

static void count_chance(struct estimate *estimate, double seconds)
{
	double before = estimate->gap_s, after = before + seconds;
	double of_window = estimate->squares / estimate->windows, window_s = estimate->seconds / estimate->windows;

	/* that of the rate goes with the square of the gap's length, what is left to chance in the gap with its length */
	estimate->variance += of_window / window_s * ((after * after - before * before) / window_s + seconds);
}

void estimate_gap(struct estimate *estimate, double seconds)
{
	double amount = estimate->rate * seconds, left_out = fmin(estimate->owed, fmax(amount, 0));

	if (seconds <= 0)
		return;
	if (estimate->seconds <= 0) {
		estimate->pending_s += seconds;
		return;
	}
	estimate->owed -= left_out;
	estimate->amount += amount - left_out;
	estimate->gap_amount += amount;
	estimate->bias += estimate->biases / estimate->seconds * seconds;
	count_chance(estimate, seconds);
	estimate->gap_s += seconds;
}

double estimate_error(const struct estimate *estimate)
{
	/* before the first window nothing is known */
	if (estimate->pending_s > 0)
		return INFINITY;
	return CERTAIN_95 * sqrt(estimate->variance) + estimate->bias;
}
