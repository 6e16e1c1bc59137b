// SPDX-License-Identifier: GPL-2.0-only
/*
 * prover FILE PID ADDRESS all|entries|table: puts memgap's probes on a library, for one process, and prints each hit.
 * ADDRESS: where the process keeps the number of the call that it is in. `entries` leaves out the return probes, `table`
 * attaches nothing.
 *
 * First "library memgap|named NAME", for each function
 * "site NAMES CALL ARGUMENTS SIZE ENTRY-OFFSET EMULATED PUSHED HEADER RETURN-OFFSET EMULATED THROWS", then "attached". When stdin
 * ends, for each hit "hit KIND CALL OF-CALL SITE-OFFSET IP SP CALLER A B C RESULT BLOCK HEADER BEFORE THROWS", then
 * "lost HITS WORDS". Numbers are hexadecimal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <prover.skel.h>

#include "tests/proof/hit.h"
#include "tests/proof/named.h"
#include "user/allocator/attachment.h"
#include "user/allocator/family.h"

struct proof {
	int fd;
	bool named; /* library_read() has nothing to do with it */
	struct library library;
	struct attachment attachment;
	struct prover_bpf *bpf;
};

static int read_file(struct proof *proof, const char *path)
{
	int result;

	proof->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (proof->fd < 0)
		return -errno;
	result = library_read(proof->fd, &proof->library);
	/* memgap may do without an entry's probe; the place is right all the same */
	for (size_t i = 0; i < proof->library.n; i++)
		proof->library.functions[i].return_alone = false;
	if (result != -ENOENT && result != -EOPNOTSUPP)
		return result;
	proof->named = true;
	return named_read(proof->fd, &proof->library);
}

static void print_site(const struct proof *proof, const struct library_function *function)
{
	const struct site *entry = &function->sites.entry, *at_return = &function->sites.at_return;
	char names[4096];

	named_at(proof->fd, function->offset, names, sizeof(names));
	printf("site %s %x %x %" PRIx64 " %x %x %x %x %x %x %x\n", names, function->call,
	       family_arguments(proof->library.allocator, function->call), function->size, entry->offset, entry->emulated,
	       entry->pushed, entry->has_header, at_return->offset, at_return->emulated, function->ends_at_exits);
}

static void print_sites(const struct proof *proof)
{
	printf("library %s %s\n", proof->named ? "named" : "memgap", proof->library.name);
	for (size_t i = 0; i < proof->library.n; i++)
		print_site(proof, &proof->library.functions[i]);
}

static int load(struct proof *proof, uint64_t call_address, bool multi)
{
	proof->bpf = prover_bpf__open();
	if (!proof->bpf)
		return -errno;
	proof->bpf->rodata->call_address = call_address;
	if (multi) {
		uprobes_prefer_multi(proof->bpf->progs.prove_enter);
		uprobes_prefer_multi(proof->bpf->progs.prove_return);
		uprobes_prefer_multi(proof->bpf->progs.prove_free);
		uprobes_prefer_multi(proof->bpf->progs.prove_exit);
	}
	return prover_bpf__load(proof->bpf);
}

static int attach(struct proof *proof, pid_t pid, bool with_returns)
{
	struct attachment_programs programs = { proof->bpf->progs.prove_enter, proof->bpf->progs.prove_return,
						proof->bpf->progs.prove_free, proof->bpf->progs.prove_exit };
	int result = attachment_make(&proof->attachment, &programs, proof->fd, &proof->library, 0, pid);

	if (!result && !with_returns)
		uprobes_detach(&proof->attachment.returns);
	return result;
}

static int load_and_attach(struct proof *proof, pid_t pid, uint64_t call_address, bool with_returns, bool multi)
{
	int result = load(proof, call_address, multi);

	if (!result)
		result = attach(proof, pid, with_returns);
	if (result) {
		prover_bpf__destroy(proof->bpf);
		proof->bpf = NULL;
	}
	return result;
}

static int print_hit(void *context, void *data, size_t size)
{
	const struct hit *hit = data;
	const union memgap_cookie cookie = { .value = hit->cookie };
	const uint64_t words[] = { hit->ip, hit->sp, hit->caller, hit->arguments[0], hit->arguments[1], hit->arguments[2],
				   hit->result, hit->block, hit->header, hit->before };

	(void)context;
	if (size < sizeof(*hit))
		return 0;
	printf("hit %" PRIx64 " %" PRIx64 " %x %x", (uint64_t)hit->kind, (uint64_t)hit->call, (unsigned int)cookie.call,
	       (unsigned int)cookie.offset);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		printf(" %" PRIx64, words[i]);
	printf(" %x\n", (unsigned int)cookie.may_throw);
	return 0;
}

static int print_hits(const struct proof *proof)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(proof->bpf->maps.hits), print_hit, NULL, NULL);

	if (!ring)
		return -errno;
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	printf("lost %" PRIx64 " %" PRIx64 "\n", (uint64_t)proof->bpf->bss->lost, (uint64_t)proof->bpf->bss->unreadable);
	return 0;
}

static int prove(struct proof *proof, pid_t pid, uint64_t call_address, bool with_returns)
{
	int result = load_and_attach(proof, pid, call_address, with_returns, true);

	if (result) /* a kernel before 6.6 */
		result = load_and_attach(proof, pid, call_address, with_returns, false);
	if (result)
		return result;
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	attachment_remove(&proof->attachment);
	result = print_hits(proof);
	prover_bpf__destroy(proof->bpf);
	return result;
}

int main(int argc, char **argv)
{
	struct proof proof = { .fd = -1 };
	int result;

	if (argc != 5)
		return 2;
	result = read_file(&proof, argv[1]);
	if (!result) {
		print_sites(&proof);
		if (strcmp(argv[4], "table"))
			result = prove(&proof, atoi(argv[2]), strtoull(argv[3], NULL, 16), !strcmp(argv[4], "all"));
	}
	if (proof.fd >= 0)
		close(proof.fd);
	if (result)
		fprintf(stderr, "prover: %s: %s\n", argv[1], strerror(-result));
	return result ? 1 : 0;
}
