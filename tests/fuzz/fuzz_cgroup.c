// SPDX-License-Identifier: GPL-2.0-only
/* A memory cgroup's files of both versions; and the texts that tell where cgroups are and whose, in which paths are the target's. */
#include "tests/fuzz/fuzz.h"

#include "user/base/units.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/pressure.h"
#include "user/target/container.h"
#include "user/target/hierarchy.h"

static struct folder cgroup;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {
		"memory.stat", "memory.current", "memory.max", "memory.high", "memory.swap.current", "memory.events", "memory.pressure",
		"memory.usage_in_bytes", "memory.kmem.usage_in_bytes", "memory.oom_control", "cgroup.controllers",
	};

	(void)argc, (void)argv;
	folder_make(&cgroup, names, COUNT_OF(names));
	return 0;
}

static bool is_figure(int64_t value)
{
	return value >= 0 || !is_known(value);
}

/* The files' texts, each ended by a form feed, which none of them has. */
static void read_files(struct input *input, int version)
{
	struct cgroup_memory memory;

	for (size_t i = 0; i < cgroup.n; i++) {
		char *text = take_text_until(input, '\f');

		memory_file_fill(cgroup.files[i], text, strlen(text));
		free(text);
	}
	cgroup_root_has_memory(cgroup.fd, version);
	assert_true(is_figure(cgroup_current_read(cgroup.fd, version)));
	if (cgroup_memory_read(cgroup.fd, version, &memory))
		return;
	assert_true(is_figure(memory.current) && is_figure(memory.limit) && is_figure(memory.high) && is_figure(memory.swap));
	assert_true(is_figure(memory.anon) && is_figure(memory.file) && is_figure(memory.shmem) && is_figure(memory.inactive_file));
	assert_true(is_figure(memory.kernel) && is_figure(memory.working_set) && is_figure(memory.oom_kills));
	assert_true(!(memory.psi_some_avg10 < 0) && !(memory.psi_some_avg10 > 100));
}

static void read_mounts(struct input *input)
{
	char *text = take_text(input), mount[PATH_MAX] = "", other[PATH_MAX] = "";
	int version = 0;

	if (!hierarchy_parse_mountinfo(text, &version, mount))
		assert_true((version == 1 || version == 2) && memchr(mount, 0, sizeof(mount)) != NULL);
	hierarchy_parse_is_partial(text, mount, true);
	hierarchy_parse_is_partial(text, mount, false);
	hierarchy_parse_has_v2(text, other);
	hierarchy_parse_has_v2(text, NULL);
	free(text);
}

static void read_path(struct input *input)
{
	int version = 1 + take8(input) % 2;
	char *text = take_text(input), path[CGROUP_PATH_MAX] = "";
	struct container_ref container;

	if (!hierarchy_parse_path(text, version, path) && container_parse(path, &container)) {
		assert_true(container_id_is(container.id, strlen(container.id)) && container.path_length <= strlen(path));
		assert_true(memchr(container.pod_uid, 0, sizeof(container.pod_uid)) != NULL);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	switch (take8(&input) % 4) {
	case 0:
		read_files(&input, 1);
		break;
	case 1:
		read_files(&input, 2);
		break;
	case 2:
		read_mounts(&input);
		break;
	default:
		read_path(&input);
	}
	return 0;
}
