// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/target/container.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "b4f9d1c30e6a4b7c8d2e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829304"
#define UID "3f6c1a52-9d0e-4b7a-8c21-0f5e6d7c8b9a"
#define UID_IN_SLICE "3f6c1a52_9d0e_4b7a_8c21_0f5e6d7c8b9a"
#define STATIC_UID "0123456789abcdef0123456789abcdef"

struct row {
	const char *path; /* up to the end of the container's own cgroup */
	const char *below;
	const char *id, *pod_uid;
	enum container_runtime runtime;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct container_ref ref;
		char path[1024];

		snprintf(path, sizeof(path), "%s%s", rows[i].path, rows[i].below);
		memset(&ref, 'x', sizeof(ref));
		check_row(path, container_parse(path, &ref));
		check_row(path, !strcmp(ref.id, rows[i].id));
		check_row(path, !strcmp(ref.pod_uid, rows[i].pod_uid));
		check_row(path, ref.runtime == rows[i].runtime);
		check_row(path, ref.path_length == strlen(rows[i].path));
	}
}

static void a_container_is_known_by_the_name_of_its_cgroup(void **state)
{
	static const struct row rows[] = {
		{ "/docker/" A, "", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/system.slice/docker-" A ".scope", "", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" A ".scope", "", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/libpod_parent/libpod-" A, "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/machine.slice/libpod-" A ".scope", "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" A ".scope", "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope", "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/system.slice/web.service/libpod-payload-" A, "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/default/" A, "", A, "", CONTAINER_RUNTIME_CONTAINERD },
		{ "/k8s.io/" A, "", A, "", CONTAINER_RUNTIME_CONTAINERD },
		{ "/user.slice/nerdctl-" A ".scope", "", A, "", CONTAINER_RUNTIME_CONTAINERD },
		{ "/" A, "", A, "", CONTAINER_RUNTIME_UNKNOWN },
		{ "/batch/jobs/" A, "", A, "", CONTAINER_RUNTIME_UNKNOWN }, /* docker run --cgroup-parent */
		{ "/../" A, "", A, "", CONTAINER_RUNTIME_UNKNOWN }, /* as another cgroup namespace shows it */
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void a_container_of_kubernetes_has_its_pods_uid(void **state)
{
	static const struct row rows[] = {
		{ "/kubepods/burstable/pod" UID "/" A, "", A, UID, CONTAINER_RUNTIME_UNKNOWN },
		{ "/kubepods/pod" UID "/" A, "", A, UID, CONTAINER_RUNTIME_UNKNOWN },
		{ "/kubepods/besteffort/pod" UID "/crio-" A, "", A, UID, CONTAINER_RUNTIME_CRIO },
		{ "/kubepods/burstable/pod" STATIC_UID "/" A, "", A, STATIC_UID, CONTAINER_RUNTIME_UNKNOWN },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_IN_SLICE ".slice/cri-containerd-" A ".scope", "",
		  A, UID, CONTAINER_RUNTIME_CONTAINERD },
		{ "/kubepods.slice/kubepods-pod" UID_IN_SLICE ".slice/crio-" A ".scope", "", A, UID, CONTAINER_RUNTIME_CRIO },
		{ "/kubepods.slice/kubepods-pod" STATIC_UID ".slice/docker-" A ".scope", "", A, STATIC_UID, CONTAINER_RUNTIME_DOCKER },
		{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_IN_SLICE ".slice:cri-containerd:" A, "",
		  A, UID, CONTAINER_RUNTIME_CONTAINERD },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void what_lies_below_a_container_is_its_own(void **state)
{
	static const struct row rows[] = {
		{ "/machine.slice/libpod-" A ".scope", "/container", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/docker/" A, "/init.scope", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/docker/" A, "/system.slice/sshd.service", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/docker/" A, "/", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/kubepods/pod" UID "/crio-" A, "/container/a", A, UID, CONTAINER_RUNTIME_CRIO },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void of_containers_in_containers_it_is_the_innermost(void **state)
{
	static const struct row rows[] = {
		{ "/docker/" B "/docker/" A, "", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/docker/" B "/docker/" A, "/app", A, "", CONTAINER_RUNTIME_DOCKER },
		{ "/docker/" B "/libpod_parent/libpod-" A, "", A, "", CONTAINER_RUNTIME_PODMAN },
		{ "/" B "/" A, "", A, "", CONTAINER_RUNTIME_UNKNOWN },
		/* kind */
		{ "/docker/" B "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod"
		  UID_IN_SLICE ".slice/cri-containerd-" A ".scope", "", A, UID, CONTAINER_RUNTIME_CONTAINERD },
		{ "/system.slice/docker-" B ".scope/kubepods/burstable/pod" UID "/" A, "", A, UID, CONTAINER_RUNTIME_UNKNOWN },
		/* Docker in a pod: the pod is the outer one's */
		{ "/kubepods/burstable/pod" UID "/" B "/docker/" A, "", A, "", CONTAINER_RUNTIME_DOCKER },
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void an_engines_monitor_is_no_container_but_may_be_in_one(void **state)
{
	static const struct row rows[] = {
		{ "/docker/" A, "/machine.slice/libpod-conmon-" B ".scope", A, "", CONTAINER_RUNTIME_DOCKER },
	};
	struct container_ref ref;

	(void)state;
	assert_false(container_parse("/machine.slice/libpod-conmon-" A ".scope", &ref));
	assert_false(container_parse("/libpod_parent/libpod-conmon-" A, &ref));
	assert_false(container_parse("/system.slice/crio-conmon-" A ".scope", &ref));
	assert_false(container_parse("/kubepods/pod" UID "/crio-conmon-" A, &ref));
	check_rows(rows, COUNT_OF(rows));
}

static void other_cgroups_are_no_containers(void **state)
{
	static const char *const rows[] = {
		"", "/", "//", "/docker", "/docker/", "/system.slice/docker.service", "/system.slice/docker-.scope",
		"docker/" A, A, "12:memory:/docker/" A, " /docker/" A, /* no path of the hierarchy */
		"/docker/0123456789ab", "/system.slice/docker-0123456789ab.scope", /* short ids are for people */
		"/docker/" A "0", "/docker/0" A, "/docker/" A A, "/system.slice/docker-0" A ".scope", "/libpod-" A "0",
		"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"/docker/0123456789abcdeg0123456789abcdef0123456789abcdef0123456789abcdef",
		"/docker/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", /* 63 */
		"/docker/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef",
		"/docker/" A " (deleted)", "/docker/" A ".slice", "/docker/" A "\n", "/docker/" A ".scope", "/docker-" A ".scope.scope",
		"/-" A, "/docker--" A, "/xdocker-" A ".scope", "/docker_" A, "/docker" A, "/:" A, "/::" A, "/a.slice::" A,
		"/kubepods/burstable/pod" UID, "/kubepods.slice/kubepods-pod" UID_IN_SLICE ".slice",
		"/machine.slice/machine-libpod_pod_" A ".slice", /* the pod's own */
		"/docker/buildkit/k3m5n7p9q1r3s5t7u9v1w3x5y", "/lxc.payload.web", "/user.slice/user-1000.slice",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct container_ref ref, before;

		memset(&ref, 'x', sizeof(ref));
		memcpy(&before, &ref, sizeof(ref));
		check_row(rows[i], !container_parse(rows[i], &ref));
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): no byte of it was written */
		check_row(rows[i], !memcmp(&ref, &before, sizeof(ref)));
	}
}

static void what_only_looks_like_a_pod_has_no_uid(void **state)
{
	static const char *const parents[] = {
		"/pod", "/podman", "/podman.slice", "/pod/", "/xpod" UID, "/pod" UID "0", "/pod0" UID, "/pod-" UID, "/pod.slice",
		"/pod3f6c1a52+9d0e-4b7a-8c21-0f5e6d7c8b9a", "/pod3F6C1A52-9d0e-4b7a-8c21-0f5e6d7c8b9a", "/pod" UID "/sub",
		"/podG123456789abcdef0123456789abcdef", "/pod0123456789abcdef0123456789abcde", "/" UID, "/od" UID,
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(parents); i++) {
		struct container_ref ref;
		char path[256];

		snprintf(path, sizeof(path), "%s/crio-%s.scope", parents[i], A);
		check_row(path, container_parse(path, &ref));
		check_row(path, !strcmp(ref.id, A) && !ref.pod_uid[0]);
	}
}

static void a_path_of_any_length_is_read_within_its_bounds(void **state)
{
	enum { DEPTH = 20000 };
	char *deep = malloc(2 * DEPTH + sizeof("/docker/" A)), *at = deep;
	char *name = malloc(1 << 20);
	struct container_ref ref;

	(void)state;
	at += sprintf(at, "/docker/%s", A);
	for (int i = 0; i < DEPTH; i++)
		at += sprintf(at, "/a");
	assert_true(container_parse(deep, &ref));
	assert_int_equal(ref.path_length, strlen("/docker/" A));
	memset(name, 'a', (1 << 20) - 1);
	name[0] = '/';
	name[(1 << 20) - 1] = '\0';
	assert_false(container_parse(name, &ref));
	memset(name + 1, '/', (1 << 20) - 2);
	assert_false(container_parse(name, &ref));
	free(name);
	free(deep);
}

/* On the heap, where a sanitizer sees a read before the start or past the end. */
static void a_path_cut_anywhere_names_a_whole_container_or_none(void **state)
{
	static const char whole[] = "/docker/" B "/kubepods-pod" UID_IN_SLICE ".slice:cri-containerd:" A "/sub";
	const size_t outer = strlen("/docker/" B), inner = sizeof(whole) - 1 - strlen("/sub");

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		char *text = strndup(whole, length);
		struct container_ref ref = { .id = "" };
		bool found = container_parse(text, &ref);

		check_row(text, found == (length >= outer));
		check_row(text, !found || !strcmp(ref.id, length >= inner ? A : B));
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_is_known_by_the_name_of_its_cgroup),
		cmocka_unit_test(a_container_of_kubernetes_has_its_pods_uid),
		cmocka_unit_test(what_lies_below_a_container_is_its_own),
		cmocka_unit_test(of_containers_in_containers_it_is_the_innermost),
		cmocka_unit_test(an_engines_monitor_is_no_container_but_may_be_in_one),
		cmocka_unit_test(other_cgroups_are_no_containers),
		cmocka_unit_test(what_only_looks_like_a_pod_has_no_uid),
		cmocka_unit_test(a_path_of_any_length_is_read_within_its_bounds),
		cmocka_unit_test(a_path_cut_anywhere_names_a_whole_container_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
