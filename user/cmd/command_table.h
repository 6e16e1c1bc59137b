/* SPDX-License-Identifier: GPL-2.0-only */
/* The subcommands: each returns an exit status (user/base/error.h). argv[0] is its own name. */
#ifndef MEMGAP_CMD_COMMAND_TABLE_H
#define MEMGAP_CMD_COMMAND_TABLE_H

int cmd_watch(int argc, char *argv[]);
int cmd_trim(int argc, char *argv[]);
int cmd_top(int argc, char *argv[]);
int cmd_check(int argc, char *argv[]);
int cmd_serve(int argc, char *argv[]);
int cmd_report(int argc, char *argv[]);

#endif
