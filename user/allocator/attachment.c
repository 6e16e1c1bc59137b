// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/attachment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/family.h"
#include "user/base/fs.h"
#include "user/base/log.h"

_Static_assert(FAMILY_MAX <= UPROBES_MAX && EXITS_MAX <= UPROBES_MAX, "a library's probes fit in one request");

static uint64_t cookie_of(const struct library *library, const struct library_function *function, const struct site *site,
			  uint32_t library_key)
{
	union memgap_cookie cookie = {
		.call = (unsigned int)function->call & 0x7fU,
		.return_alone = function->return_alone,
		.register_0 = (unsigned int)site->registers[0] & 15U,
		.register_1 = (unsigned int)(site->has_header ? site->header : site->registers[1]) & 15U,
		.register_2 = (unsigned int)site->registers[2] & 15U,
		.allocator = (unsigned int)library->allocator & 15U,
		.pushed = site->pushed,
		.offset = site->offset & 0xfffU,
		.has_header = site->has_header,
		.checks_always = library->checks_always,
		.free_restarts = library->free_restarts,
		.may_throw = function->ends_at_exits,
		.library = library_key & 0xffffU,
	};

	return cookie.value;
}

/* The registers of x86-64, as in union memgap_cookie; on arm64 both are x0, and not asked for. */
enum { RESULT = 0 /* rax */, FIRST_ARGUMENT = 7 /* rdi */ };

/* A file that has changed since it was decoded may have another instruction there, or the middle of one. */
static bool is_unchanged(int fd, uint64_t offset, const struct site *site)
{
	uint8_t bytes[SITE_BYTES_MAX];

	return pread(fd, bytes, site->length, (off_t)offset) == site->length && !memcmp(bytes, site->bytes, site->length);
}

enum probe_kind { ENTRIES, RETURNS, FREES };

/* One kind of probe on each function concerned. */
static int attach(enum probe_kind kind, struct uprobes_request *request, const struct library *library, uint32_t library_key,
		  struct uprobes *ret)
{
	request->n = 0;
	request->at_return = kind == RETURNS;
	for (size_t i = 0; i < library->n; i++) {
		const struct library_function *function = &library->functions[i];
		const struct site *site = kind == RETURNS ? &function->sites.at_return : &function->sites.entry;

		if ((function->call >= MEMGAP_CALL_FREE) != (kind == FREES) || (kind == RETURNS && function->ends_at_exits) ||
		    (kind == ENTRIES && function->return_alone))
			continue;
		if (!is_unchanged(request->fd, function->offset + site->offset, site))
			return -ESTALE;
		request->offsets[request->n] = function->offset + site->offset;
		request->cookies[request->n++] = cookie_of(library, function, site, library_key);
	}
	return request->n ? uprobes_attach(request, ret) : 0; /* a small program may have none of a kind */
}

static int attach_exits(struct uprobes_request *request, const struct library *library, struct uprobes *ret)
{
	if (!library->exits.n)
		return 0;
	request->at_return = false;
	request->n = library->exits.n;
	for (size_t i = 0; i < request->n; i++) {
		if (!exits_is_there(request->fd, library->exits.offsets[i], library->exits.jumps[i]))
			return -ESTALE;
		request->offsets[i] = library->exits.offsets[i];
		request->cookies[i] = (union memgap_cookie){ .register_0 = library->exits.jumps[i] ? FIRST_ARGUMENT : RESULT }.value;
	}
	return uprobes_attach(request, ret);
}

/*
 * free first, entries last: a process that is already counted and calls in between may then have a block counted
 * as freed that was not seen before (a case there is anyway), but never an entry without its return.
 */
int attachment_make(struct attachment *ret, const struct attachment_programs *programs, int fd,
		    const struct library *library, uint32_t library_key, pid_t pid)
{
	struct uprobes_request request = { .fd = fd, .pid = pid };
	uint64_t began_ns = monotonic_ns();
	struct attachment attachment = { 0 };
	int result;

	request.program = programs->free_enter;
	result = attach(FREES, &request, library, library_key, &attachment.frees);
	request.program = programs->malloc_return;
	if (!result)
		result = attach(RETURNS, &request, library, library_key, &attachment.returns);
	request.program = programs->at_exit;
	if (!result)
		result = attach_exits(&request, library, &attachment.exits);
	request.program = programs->malloc_enter;
	if (!result)
		result = attach(ENTRIES, &request, library, library_key, &attachment.entries);
	if (result) {
		attachment_remove(&attachment);
		return result;
	}
	attachment.complete_ns = monotonic_ns();
	log_debug("probes attached in %.1f ms", (double)(attachment.complete_ns - began_ns) / 1e6);
	*ret = attachment;
	return 0;
}

void attachment_remove(struct attachment *attachment)
{
	/* entries go first, for the same reason */
	uprobes_detach(&attachment->entries);
	uprobes_detach(&attachment->returns);
	uprobes_detach(&attachment->exits);
	uprobes_detach(&attachment->frees);
}

void attachments_remove(struct attachment *const list[], size_t n)
{
	struct uprobes **all = calloc(4 * n + 1, sizeof(*all));

	for (size_t i = 0; all && i < n; i++) {
		all[i] = &list[i]->entries;
		all[n + i] = &list[i]->returns;
		all[2 * n + i] = &list[i]->exits;
		all[3 * n + i] = &list[i]->frees;
	}
	if (all)
		uprobes_detach_all(all, 4 * n);
	free(all);
	/* one by one where there was no memory; else nothing is left */
	for (size_t i = 0; i < n; i++)
		attachment_remove(list[i]);
}
