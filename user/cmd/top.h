/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `memgap top` know of each other: the run (top.c), its keys (top_keys.c), its targets (top_targets.c). */
#ifndef MEMGAP_CMD_TOP_H
#define MEMGAP_CMD_TOP_H

#include "user/cmd/session.h"
#include "user/screen/canvas.h"
#include "user/screen/messages.h"
#include "user/screen/page.h"
#include "user/screen/screen.h"
#include "user/screen/view.h"

#define TOP_PROMPT_MAX 512

/* What the next key is for. */
enum top_mode { TOP_TABLE, TOP_FILTER, TOP_SORT, TOP_CONFIRM, TOP_HELP };

struct top {
	struct output output; /* the first member: what the session gives goes into the view */
	struct watch_options options;
	struct session session;
	struct screen screen;
	struct canvas canvas;
	struct view view;
	struct messages messages;
	struct page page;
	int signal_fd; /* SIGWINCH, SIGHUP */
	enum top_mode mode;
	char prompt[TOP_PROMPT_MAX];
	struct view before;          /* its filter and order, for Escape */
	struct target_name asked;    /* whom the question is about, */
	bool force;                  /* and what */
};

/* A message of our own. */
void top_tell(struct top *top, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes a key: what it changes is not drawn yet. */
void top_key(struct top *top, struct key key);

/* Shows the processes of a cgroup below it, or not. */
void top_expand(struct top *top, struct view_row *row, bool expanded);
/* At each interval: processes that came into an expanded cgroup get a row, those of others lose it. */
void top_follow(struct top *top);

/* Asks whether the selected target is to be trimmed, in the mode TOP_CONFIRM; or says why not. Then: the answer was yes. */
void top_ask_trim(struct top *top, bool force);
void top_trim(struct top *top);

#endif
