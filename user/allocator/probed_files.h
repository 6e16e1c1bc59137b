/* SPDX-License-Identifier: GPL-2.0-only */
/* The library files that carry probes, of those that were looked into. */
#ifndef MEMGAP_ALLOCATOR_PROBED_FILES_H
#define MEMGAP_ALLOCATOR_PROBED_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/allocator/attachment.h"
#include "user/allocator/known_files.h"
#include "user/allocator/probes.h"

struct probed_files {
	int proc_fd;
	const struct bpf_program *iterator; /* lists a process's modules; NULL: /proc/PID/maps does */
	struct attachment_programs beside, remembered; /* for allocators whose sizes lie beside the blocks, and for the others */
	bool any_remembered;             /* a file that needs the map of blocks carries probes, or did */
	struct known_files known;
	struct probed_file *probed;
	probe_group *away; /* groups whose probes are not in place */
	size_t n_away;
};

/* As probes_attach() and probes_attach_file() in probes.h say. */
int probed_files_attach(struct probed_files *files, pid_t pid, bool everyone, struct allocator *ret);
int probed_files_attach_path(struct probed_files *files, const char *path, pid_t pid, struct allocator *ret);

/* As probes_take_away() and probes_put_back() say; the attachments that are to be removed are in *ret, the caller's to free. */
int probed_files_take_away(struct probed_files *files, const probe_group *groups, size_t n_groups, struct attachment **ret,
			   size_t *ret_n);
int probed_files_put_back(struct probed_files *files, probe_group group);

void probed_files_forget(struct probed_files *files, pid_t pid); /* probes_forget() */
void probed_files_drop(struct probed_files *files, pid_t pid);   /* probes_drop() */
void probed_files_detach(struct probed_files *files);            /* probes_detach() */
void probed_files_remove_all(struct probed_files *files);

#endif
