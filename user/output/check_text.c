// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/check_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "user/allocator/exits.h"
#include "user/allocator/family.h"
#include "user/base/units.h"

/* What the default of --max-overhead leaves of a second. */
#define BOUND_NS 5e7

#define NS_TEXT_MAX 32

static void fact(FILE *stream, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fact(FILE *stream, const char *name, const char *format, ...)
{
	va_list args;

	fprintf(stream, "  %-30s ", name);
	va_start(args, format);
	vfprintf(stream, format, args);
	va_end(args);
	fputc('\n', stream);
}

static void answer(FILE *stream, const char *name, bool yes, const char *otherwise)
{
	fact(stream, name, "%s%s", yes ? "yes" : "no: ", yes ? "" : otherwise);
}

static const char *format_ns(char text[NS_TEXT_MAX], int64_t ns)
{
	if (is_known(ns))
		snprintf(text, NS_TEXT_MAX, "%" PRId64 " ns", ns);
	else
		strcpy(text, "-");
	return text;
}

static void print_privileges(FILE *stream, const struct host *host)
{
	for (int i = 0; i < HOST_PRIVILEGES; i++) {
		enum host_privilege privilege = (enum host_privilege)i;
		char name[64];

		snprintf(name, sizeof(name), "may %s", host_purpose(privilege));
		if (host->may[i])
			fact(stream, name, "yes");
		else
			fact(stream, name, "no: it takes %s: run as root (sudo), or in a container with --privileged",
			     host_capability(privilege));
	}
}

static void print_needs(FILE *stream, const struct host *host)
{
	static const char *const names[HOST_NEEDS] = {
		[HOST_BTF] = "BTF of the kernel",
		[HOST_TRACEFS] = "tracefs",
		[HOST_TRACEFS_READABLE] = "tracefs is readable",
		[HOST_UPROBES] = "uprobes",
		[HOST_PERF_EVENTS] = "perf events",
		[HOST_PID_NAMESPACE] = "the host's pid namespace",
	};

	/* privilege has lines of its own */
	for (int i = 0; i < HOST_NEEDS; i++)
		if (names[i])
			answer(stream, names[i], host->has[i], host_remedy((enum host_need)i));
}

/* What is only known when the programs could be loaded and tried. */
static void print_features(FILE *stream, const struct check_host *host)
{
	static const char *const names[] = { "multi-uprobe links", "iterator of mapped files", "return probes under seccomp" };
	const struct probes_features *features = host->features;

	if (!host->tried)
		fact(stream, "BPF programs load", "- (not tried: see what is missing above)");
	else
		answer(stream, "BPF programs load", features, host->failure);
	for (size_t i = 0; !features && i < sizeof(names) / sizeof(names[0]); i++)
		fact(stream, names[i], "-");
	if (!features)
		return;
	answer(stream, names[0], features->multi, "probes are perf events, one a place (Linux 6.6 has the links)");
	answer(stream, names[1], features->iterator, "the maps file of a process is read instead (Linux 6.1 has the iterator)");
	answer(stream, names[2], features->returns_survive, "they kill a process under a seccomp filter (Linux 6.11 to 6.13.2): "
	       "calls are probed at each RET instead, which costs more; or update the kernel");
}

static void print_cost(FILE *stream, const struct probe_cost *cost)
{
	char text[NS_TEXT_MAX];

	fact(stream, "a probe's hit, emulated", "%s", format_ns(text, cost->emulated));
	fact(stream, "a probe's hit, single-stepped", "%s", format_ns(text, cost->stepped));
	fact(stream, "a return probe", "%s%s", format_ns(text, cost->returned), is_known(cost->returned) ? " more" : "");
}

static void print_cgroups(FILE *stream, const struct check_host *host)
{
	static const char name[] = "memory cgroups";

	if (!host->cgroup_version)
		fact(stream, name, "no: %s; -c needs a cgroup hierarchy", host->cgroup_why);
	else if (!host->cgroup_has_memory)
		fact(stream, name, "no: v2 at %s is without the memory controller (cgroup_disable=memory?); -c needs it",
		     host->cgroup_mount);
	else
		fact(stream, name, "yes: %s at %s", host->cgroup_hybrid ? "hybrid, the memory controller is v1's," :
		     host->cgroup_version == 1 ? "v1" : "v2", host->cgroup_mount);
}

static void print_reclaim(FILE *stream, const struct check_host *host)
{
	static const char name[] = "memory.reclaim";

	if (!host->cgroup_version)
		fact(stream, name, "-");
	else if (host->reclaim_why)
		fact(stream, name, "no: %s", host->reclaim_why);
	else if (!host->reclaim_spares_anon)
		fact(stream, name, "yes, but not for page cache alone (swappiness=0, which Linux 6.12 has): the kernel may swap out as well");
	else
		fact(stream, name, "yes");
}

bool check_host_is_ready(const struct check_host *host)
{
	return host->features;
}

void check_text_host(FILE *stream, const struct check_host *host)
{
	fprintf(stream, "Host\n");
	fact(stream, "kernel", "%s", host->kernel);
	print_privileges(stream, &host->host);
	print_needs(stream, &host->host);
	print_features(stream, host);
	print_cost(stream, &host->cost);
	print_cgroups(stream, host);
	print_reclaim(stream, host);
	answer(stream, "watch with probes", check_host_is_ready(host), "see above; `watch --source none` works");
}

static void print_seccomp(FILE *stream, int seccomp, const struct probes_features *features)
{
	static const char name[] = "seccomp filter";

	if (seccomp < 0)
		fact(stream, name, "-");
	else if (!seccomp)
		fact(stream, name, "no");
	else
		fact(stream, name, "yes: %s", !features ? "whether return probes survive it was not tried" :
		     features->returns_survive ? "return probes survive it on this kernel" : "return probes would kill it: it gets none");
}

static const char *kind_of(const struct examined *examined)
{
	const struct program *program = &examined->program;

	if (!program->known)
		return "-";
	/* the probes are on functions of C, which run on a thread's own stack: Go does not move it */
	if (program->is_go)
		return examined_is_probed(examined) ? "Go with C" : "Go";
	if (program->is_static)
		return program->has_symbols ? "static" : "static, stripped";
	return "dynamically linked";
}

static void answer_with(FILE *stream, const char *name, const char *what, const char *why_not)
{
	fact(stream, name, "%s: %s", what ? "yes" : "no", what ? what : why_not);
}

/* What `watch` takes its figures from, if no option says otherwise. */
static void print_source(FILE *stream, const struct check_process *process)
{
	static const char name[] = "source";
	char until[96] = "";

	if (is_known(process->pair_ns) && process->pair_ns > 0)
		snprintf(until, sizeof(until), "as long as it makes less than %.0f pairs of malloc and free a second",
			 BOUND_NS / (double)process->pair_ns);
	if (process->go)
		fact(stream, name, "go: what its runtime says%s", process->heap ? ", and C's heap" : "");
	else if (!process->refusal && process->heap)
		fact(stream, name, "probe %s (--max-overhead 5%%); then heap, and samples for what was handed out in all", until);
	else if (!process->refusal)
		fact(stream, name, "probe %s (--max-overhead 5%%); then samples", until);
	else if (process->heap)
		fact(stream, name, "heap: what is live; not what was handed out in all");
	else
		fact(stream, name, "none: the kernel's view alone");
}

bool check_process_has_view(const struct check_process *process)
{
	return process->go || process->heap || !process->refusal;
}

void check_text_process(FILE *stream, const struct check_process *process, const struct check_host *host)
{
	const struct examined *examined = process->examined;

	fprintf(stream, "\nProcess %d (%s)\n", process->pid, process->comm);
	print_seccomp(stream, process->seccomp, host->features);
	fact(stream, "program", "%s", kind_of(examined));
	for (size_t i = 0; i < examined->n; i++) {
		const struct examined_file *file = examined->allocators[i];
		const char *path = file->path ? file->path : "(path not known)";

		if (file->result && file->library.name[0])
			fact(stream, "allocator", "%s, not probed: %s", file->library.name, path);
		else if (file->result)
			fact(stream, "allocator", "unknown, not probed: %s", path);
		else
			fact(stream, "allocator", "%s: %s", file->library.name, path);
	}
	answer(stream, "can be probed", !process->refusal, process->refusal);
	if (process->go || process->go_why)
		answer_with(stream, "its Go runtime", process->go, process->go_why);
	answer_with(stream, "its heap", process->heap, process->heap_why);
	print_source(stream, process);
}

static int compare_symbols(const void *a, const void *b)
{
	const struct library_function *const *x = a, *const *y = b;

	return strcmp((*x)->symbol, (*y)->symbol);
}

static const char *format_site(char text[NS_TEXT_MAX], const struct site *site)
{
	snprintf(text, NS_TEXT_MAX, "+%" PRIu32 " %s", site->offset, site->emulated ? "emulated" : "single-stepped");
	return text;
}

/* Where the end of a call is seen. */
static const char *format_end(char text[NS_TEXT_MAX], const struct library_function *function)
{
	if (function->call >= MEMGAP_CALL_FREE)
		return "none";
	if (function->ends_at_exits)
		return EXITS_EMULATED ? "RET emulated" : "RET single-stepped";
	return format_site(text, &function->sites.at_return);
}

static void print_function(FILE *stream, const struct library_function *function, const struct probe_cost *cost)
{
	char entry[NS_TEXT_MAX], at_return[NS_TEXT_MAX], ns[NS_TEXT_MAX];

	fprintf(stream, "  %-20s %-20s %-20s %s\n", function->symbol, format_site(entry, &function->sites.entry),
		format_end(at_return, function), format_ns(ns, cost_of_call(cost, function)));
}

void check_text_allocator(FILE *stream, const struct examined_file *file, const struct probe_cost *cost)
{
	const struct library_function *functions[FAMILY_MAX];

	fprintf(stream, "\nAllocator %s: %s\n", file->library.name, file->path ? file->path : "(path not known)");
	fprintf(stream, "  %-20s %-20s %-20s %s\n", "function", "entry probe", "return probe", "costs a call");
	for (size_t i = 0; i < file->library.n; i++)
		functions[i] = &file->library.functions[i];
	qsort(functions, file->library.n, sizeof(functions[0]), compare_symbols);
	for (size_t i = 0; i < file->library.n; i++)
		print_function(stream, functions[i], cost);
	if (file->library.unsafe)
		fprintf(stream, "  %-20s not probed: it may throw an exception, which a return probe would turn into the program's end, and "
			"where else it returns cannot be told\n", file->library.unsafe);
}
