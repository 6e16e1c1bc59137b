/* SPDX-License-Identifier: GPL-2.0-only */
/* SIGINT and SIGTERM end memgap, SIGPIPE does not. */
#ifndef MEMGAP_CMD_STOP_SIGNALS_H
#define MEMGAP_CMD_STOP_SIGNALS_H

/* A signalfd for the first two, which are blocked from now on; for the event loop. -1 with errno. */
int stop_signals_open(void);

#endif
