/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pressure stall information (Documentation/accounting/psi.rst; psi_show() in kernel/sched/psi.c): the share of time in
 * which processes waited for memory.
 */
#ifndef MEMGAP_KERNEL_PRESSURE_H
#define MEMGAP_KERNEL_PRESSURE_H

/*
 * avg10 of the line "some": the percent of the last 10 s in which at least one process waited, 0 to 100. *ret is written on
 * success alone. -EINVAL when there is no such line, or its figure is cut or none.
 */
int pressure_parse(const char *text, double *ret);

/*
 * memory.pressure below a v2 cgroup's directory, which is there without the memory controller too: on a hybrid host it is
 * in the directory that the unified hierarchy has for the process. -ENOENT: no such file (no PSI, or the cgroup is gone);
 * -ENODEV: the cgroup is gone; -EOPNOTSUPP: PSI is turned off.
 */
int cgroup_pressure_read(int dir_fd, double *ret);

#endif
