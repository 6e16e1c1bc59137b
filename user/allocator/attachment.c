// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/attachment.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/family.h"
#include "user/base/fs.h"
#include "user/base/log.h"

struct place {
	int fd;
	const char *path; /* of the open file: it stays the same one, whatever happens to its name */
	pid_t pid;
	uint32_t library_key;
};

static __u64 cookie_of(const struct library_function *function, const struct site *site, uint32_t library_key)
{
	union memgap_cookie cookie = {
		.call = (__u8)function->call,
		.registers_01 = (__u8)(site->registers[0] | site->registers[1] << 4),
		.register_2 = site->registers[2],
		.pushed = site->pushed,
		.offset = (__u16)site->offset,
		.library = (__u16)library_key,
	};

	return cookie.value;
}

/* A file that has changed since it was decoded may have another instruction there, or the middle of one. */
static bool is_unchanged(const struct place *place, uint64_t offset, const struct site *site)
{
	uint8_t bytes[SITE_BYTES_MAX];

	return pread(place->fd, bytes, site->length, (off_t)offset) == site->length && !memcmp(bytes, site->bytes, site->length);
}

static int add_link(struct attachment *attachment, const struct bpf_program *program, const struct place *place,
		    const struct library_function *function, bool at_return)
{
	const struct site *site = at_return ? &function->sites.at_return : &function->sites.entry;
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return,
		    .bpf_cookie = cookie_of(function, site, place->library_key));
	uint64_t offset = function->offset + site->offset;
	struct bpf_link *link;

	if (!is_unchanged(place, offset, site))
		return -ESTALE;
	link = bpf_program__attach_uprobe_opts(program, place->pid, place->path, offset, &options);
	if (!link) {
		log_debug("uprobe at %s+%#llx: errno %d", place->path, (unsigned long long)offset, errno);
		return -errno;
	}
	attachment->links[attachment->n++] = link;
	return 0;
}

/* One kind of probe on each function concerned. */
static int add_links(struct attachment *attachment, const struct bpf_program *program, const struct place *place,
		     const struct library *library, bool frees, bool at_return)
{
	int result = 0;

	for (size_t i = 0; !result && i < library->n; i++)
		if ((library->functions[i].call == FAMILY_FREE) == frees)
			result = add_link(attachment, program, place, &library->functions[i], at_return);
	return result;
}

/*
 * free first, entries last: a process that is already counted and calls in between may then have a block counted
 * as freed that was not seen before (a case there is anyway), but never an entry without its return.
 */
int attachment_make(struct attachment *ret, const struct attachment_programs *programs, int fd,
		    const struct library *library, uint32_t library_key, pid_t pid)
{
	struct attachment attachment = { 0 };
	char path[32];
	struct place place = { fd, path, pid, library_key };
	int result;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = add_links(&attachment, programs->free_enter, &place, library, true, false);
	if (!result)
		result = add_links(&attachment, programs->malloc_return, &place, library, false, true);
	if (!result)
		result = add_links(&attachment, programs->malloc_enter, &place, library, false, false);
	if (result) {
		attachment_remove(&attachment);
		return result;
	}
	attachment.complete_ns = monotonic_ns();
	*ret = attachment;
	return 0;
}

void attachment_remove(struct attachment *attachment)
{
	/* entries go first, for the same reason */
	while (attachment->n)
		bpf_link__destroy(attachment->links[--attachment->n]);
}
