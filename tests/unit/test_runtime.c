// SPDX-License-Identifier: GPL-2.0-only
/*
 * With arguments it is a program, for tests on real containers: `test_runtime --show ROOT [SOCKET…]` prints what it finds, a
 * line a container; `test_runtime --parse PATH` prints the id of a cgroup's container.
 */
#include "tests/unit/helpers.h"

#include <pthread.h>

#include "tests/unit/engine_server.h"
#include "user/target/runtime.h"

#define A "aaaa567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AB "aabb567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define C "cccc567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "dddd567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define STORAGE_LIB "var/lib/containers/storage/overlay-containers"
#define STORAGE_RUN "run/containers/storage/overlay-containers"
#define TASKS "run/containerd/io.containerd.runtime.v2.task"
#define K3S_TASKS "run/k3s/containerd/io.containerd.runtime.v2.task"
#define E "eeee567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define WEB_ENTRY "{\"id\":\"" A "\",\"names\":[\"web\"],\"metadata\":\"{\\\"image-name\\\":\\\"web:1\\\"}\"}"
#define CRIO_BUNDLE "{\"annotations\":{\"io.kubernetes.container.name\":\"redis\",\"io.kubernetes.pod.name\":\"cache-0\"," \
		    "\"io.kubernetes.pod.namespace\":\"shop\"}}"
#define CONTAINERD_BUNDLE "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"nginx\",\"io.kubernetes.cri.sandbox-name\":" \
			  "\"front-0\",\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}"

static struct tree tree;

static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

/* A file, and the directories that it needs. */
static void put(const char *path, const char *text)
{
	char directory[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
		assert_true(!mkdirat(tree.fd, directory, 0755) || errno == EEXIST);
	}
	if (text)
		tree_write(&tree, path, text);
}

static struct runtime_names *read_from(struct runtime_sources sources, char note[RUNTIME_NOTE_MAX])
{
	struct runtime_names *names = NULL;

	assert_int_equal(runtime_names_read(&sources, &names, note), 0);
	assert_non_null(names);
	return names;
}

static struct runtime_names *read_tree(char note[RUNTIME_NOTE_MAX])
{
	return read_from((struct runtime_sources){ .root_fd = tree.fd }, note);
}

static void check_info(const struct container_info *info, const char *id, const char *name, const char *pod,
		       const char *image)
{
	assert_non_null(info);
	assert_string_equal(info->id, id);
	assert_string_equal(info->name, name);
	assert_string_equal(info->pod, pod);
	assert_string_equal(info->pod_namespace, pod[0] ? "shop" : "");
	assert_string_equal(info->image, image);
}

static void a_host_without_an_engine_has_no_names_and_nothing_to_note(void **state)
{
	char note[RUNTIME_NOTE_MAX] = "before";
	struct runtime_names *names = read_tree(note);
	const struct container_info *found[1];

	(void)state;
	assert_int_equal(runtime_names_count(names), 0);
	assert_null(runtime_names_get(names, A));
	assert_null(runtime_names_at(names, 0));
	assert_int_equal(runtime_names_find(names, "web", found, 1), 0);
	assert_string_equal(note, "");
	runtime_names_free(names);
	names = read_from((struct runtime_sources){ .root_fd = -1 }, note);
	assert_int_equal(runtime_names_count(names), 0);
	assert_string_equal(note, "");
	runtime_names_free(names);
	runtime_names_free(NULL);
}

static void names_are_read_from_the_files_of_each_engine(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_LIB "/containers.json", "[" WEB_ENTRY "]");
	put(STORAGE_LIB "/volatile-containers.json",
	    "[{\"id\":\"" C "\",\"names\":[\"k8s_redis_cache-0_shop_1_0\"],\"metadata\":\"{\\\"image-name\\\":\\\"redis:7\\\"}\"}]");
	put(STORAGE_RUN "/volatile-containers.json", "[{\"id\":\"" AB "\",\"names\":[\"passing\"]}]");
	put(STORAGE_RUN "/" C "/userdata/config.json", CRIO_BUNDLE);
	put(TASKS "/k8s.io/" D "/config.json", CONTAINERD_BUNDLE);
	put(K3S_TASKS "/k8s.io/" E "/config.json", CONTAINERD_BUNDLE);
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 5);
	check_info(runtime_names_at(names, 0), A, "web", "", "web:1");
	check_info(runtime_names_at(names, 1), AB, "passing", "", "");
	check_info(runtime_names_at(names, 2), C, "redis", "cache-0", "redis:7"); /* put together of both */
	check_info(runtime_names_at(names, 3), D, "nginx", "front-0", "");
	check_info(runtime_names_at(names, 4), E, "nginx", "front-0", "");
	assert_null(runtime_names_at(names, 5));
	runtime_names_free(names);
}

static void what_is_no_container_on_disk_is_passed_over_without_a_word(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_RUN "/not-an-id/userdata/config.json", CRIO_BUNDLE);
	put(STORAGE_RUN "/" A "/userdata/pidfile", "1"); /* Podman's: no config.json here */
	put(STORAGE_RUN "/" C, "a file");
	put(TASKS "/moby/" A "/config.json", "{\"annotations\":{}}");
	put(TASKS "/default/short/config.json", CONTAINERD_BUNDLE);
	put(TASKS "/a-file", "");
	put(STORAGE_LIB "/containers.json", "");
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 0);
	runtime_names_free(names);
}

static void broken_files_are_noted_and_the_others_are_read(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_LIB "/containers.json", "[{\"id\":\"" A "\",\"names\":[\"web\"]},");
	put(STORAGE_LIB "/volatile-containers.json/", NULL); /* a directory */
	put(STORAGE_RUN "/" C "/userdata/config.json", "garbage");
	put(TASKS "/k8s.io/" D "/config.json", CONTAINERD_BUNDLE);
	names = read_tree(note);
	assert_non_null(strstr(note, "/" STORAGE_LIB "/containers.json is not as container engines write it"));
	assert_non_null(strstr(note, "/" STORAGE_LIB "/volatile-containers.json is no regular file"));
	assert_non_null(strstr(note, "/" STORAGE_RUN "/" C "/userdata/config.json is not as container engines write it; "));
	assert_int_equal(runtime_names_count(names), 2);
	check_info(runtime_names_get(names, A), A, "web", "", "");
	check_info(runtime_names_get(names, D), D, "nginx", "front-0", "");
	runtime_names_free(names);
}

static void a_hosts_usual_sockets_are_asked_below_its_root(void **state)
{
	char path[PATH_MAX], note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;
	pid_t server;

	(void)state;
	put("run/podman/", NULL);
	put("var/", NULL);
	assert_int_equal(symlinkat("/run", tree.fd, "var/run"), 0); /* leads to the host's, not to ours */
	put(STORAGE_LIB "/containers.json", "[" WEB_ENTRY ",{\"id\":\"" C "\",\"names\":[\"stopped\"]}]");
	server = server_start((struct behaviour){ .path = tree_path(&tree, "run/docker.sock", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" A "\",\"Names\":[\"/web\"]}]" });
	close(socket_listen(tree_path(&tree, "run/podman/podman.sock", path), 1)); /* stale */
	names = read_tree(note);
	child_kill(server);
	assert_string_equal(note, "the socket /run/podman/podman.sock let nobody connect: Connection refused");
	assert_int_equal(runtime_names_count(names), 2);
	check_info(runtime_names_get(names, A), A, "web", "", "web:1");
	check_info(runtime_names_get(names, C), C, "stopped", "", "");
	runtime_names_free(names);
}

static void sockets_that_the_user_names_are_the_only_ones_asked(void **state)
{
	char usual[PATH_MAX], named[PATH_MAX], note[RUNTIME_NOTE_MAX], docker_host[PATH_MAX + 8];
	const char *const sockets[] = { named, "/nowhere/engine.sock", tree.path };
	struct runtime_names *names;
	pid_t servers[2];

	(void)state;
	put("run/podman/", NULL);
	servers[0] = server_start((struct behaviour){ .path = tree_path(&tree, "run/podman/podman.sock", usual),
						      .say = HTTP_OK "\r\n[{\"Id\":\"" A "\"}]" });
	servers[1] = server_start((struct behaviour){ .path = tree_path(&tree, "named", named),
						      .say = HTTP_OK "\r\n[{\"Id\":\"" C "\"}]" });
	names = read_from((struct runtime_sources){ .root_fd = tree.fd, .docker_host = "tcp://x",
						    .sockets = sockets, .n_sockets = 3 }, note);
	assert_int_equal(runtime_names_count(names), 1);
	assert_non_null(runtime_names_get(names, C));
	assert_non_null(strstr(note, "the socket /nowhere/engine.sock cannot be opened: No such file or directory; "));
	assert_non_null(strstr(note, " is no socket"));
	assert_null(strstr(note, "DOCKER_HOST"));
	runtime_names_free(names);
	/* DOCKER_HOST names one more */
	snprintf(docker_host, sizeof(docker_host), "unix://%s", named);
	names = read_from((struct runtime_sources){ .root_fd = tree.fd, .docker_host = docker_host }, note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 2);
	runtime_names_free(names);
	for (int i = 0; i < 2; i++)
		child_kill(servers[i]);
}

static void an_address_in_docker_host_that_is_no_socket_is_noted(void **state)
{
	char note[RUNTIME_NOTE_MAX];

	(void)state;
	runtime_names_free(read_from((struct runtime_sources){ .root_fd = -1, .docker_host = "tcp://10.0.0.1:2375" }, note));
	assert_string_equal(note, "DOCKER_HOST tcp://10.0.0.1:2375 is no unix:// address: it is not asked");
	runtime_names_free(read_from((struct runtime_sources){ .root_fd = -1, .docker_host = "" }, note));
	assert_string_equal(note, "");
}

static void an_engine_that_answers_something_else_is_noted_and_its_good_entries_are_kept(void **state)
{
	char path[PATH_MAX], note[RUNTIME_NOTE_MAX];
	const char *const sockets[] = { path };
	struct runtime_names *names;
	pid_t server;

	(void)state;
	server = server_start((struct behaviour){ .path = tree_path(&tree, "engine", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" A "\",\"Names\":[\"/web\"]},7" });
	names = read_from((struct runtime_sources){ .root_fd = -1, .sockets = sockets, .n_sockets = 1 }, note);
	child_kill(server);
	assert_non_null(strstr(note, "/engine did not answer with a list of containers"));
	check_info(runtime_names_get(names, A), A, "web", "", "");
	runtime_names_free(names);
}

/* ids with the number in front, and names by it */
static void write_many(int n)
{
	FILE *file;
	int fd;

	put(STORAGE_LIB "/containers.json", "");
	fd = openat(tree.fd, STORAGE_LIB "/containers.json", O_WRONLY | O_CLOEXEC);
	file = fdopen(fd, "w");
	fputc('[', file);
	for (int i = 0; i < n; i++)
		fprintf(file, "%s{\"id\":\"%08x%s\",\"names\":[\"n%d\"]}", i ? "," : "", n - i, A + 8, i);
	fputc(']', file);
	assert_int_equal(fclose(file), 0);
}

static void more_containers_than_any_host_has_are_noted_and_left_out(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	write_many(RUNTIME_CONTAINERS_MAX);
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 10000);
	runtime_names_free(names);
	write_many(RUNTIME_CONTAINERS_MAX + 1);
	names = read_tree(note);
	assert_string_equal(note, "more than 10000 containers are known: those beyond have no names");
	assert_int_equal(runtime_names_count(names), 10000);
	runtime_names_free(names);
}

static void any_number_of_notes_fits(void **state)
{
	char note[RUNTIME_NOTE_MAX + 1];

	(void)state;
	for (char c = '0'; c <= '9'; c++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), STORAGE_RUN "/%c%s/userdata/config.json", c, A + 1);
		put(path, "garbage");
	}
	note[RUNTIME_NOTE_MAX] = 'x';
	runtime_names_free(read_tree(note));
	assert_int_equal(strlen(note), RUNTIME_NOTE_MAX - 1);
	assert_int_equal(note[RUNTIME_NOTE_MAX], 'x');
}

static struct runtime_names *read_list(const char *list)
{
	char note[RUNTIME_NOTE_MAX];

	put(STORAGE_LIB "/containers.json", list);
	return read_tree(note);
}

static void a_user_finds_containers_by_name_before_those_by_the_beginning_of_an_id(void **state)
{
	static const struct {
		const char *wanted;
		size_t n;
		const char *first, *second;
	} rows[] = {
		{ "web", 1, A, "" },      /* exactly, though "web2" begins so */
		{ "cc", 1, D, "" },       /* D's name, though C's id begins so */
		{ "ccc", 1, C, "" },
		{ "nginx", 2, AB, C },    /* in two pods: which it is the caller cannot tell */
		{ "a", 2, A, AB }, { "aa", 2, A, AB }, { "aaa", 1, A, "" }, { A, 1, A, "" }, { AB, 1, AB, "" },
		{ "we", 0, "", "" }, { "", 0, "", "" }, { "b", 0, "", "" }, { "WEB", 0, "", "" }, { "AAAA", 0, "", "" },
		{ "/web", 0, "", "" }, { A "0", 0, "", "" }, { "zz", 0, "", "" },
	};
	struct runtime_names *names;

	(void)state;
	put(TASKS "/k8s.io/" C "/config.json", CONTAINERD_BUNDLE);
	put(TASKS "/k8s.io/" AB "/config.json", CONTAINERD_BUNDLE);
	names = read_list("[{\"id\":\"" A "\",\"names\":[\"web\"]},{\"id\":\"" D "\",\"names\":[\"cc\"]},{\"id\":\"" E
			  "\",\"names\":[\"web2\"]}]");
	assert_int_equal(runtime_names_count(names), 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct container_info *found[2] = { NULL, NULL };

		check_row(rows[i].wanted, runtime_names_find(names, rows[i].wanted, found, 2) == rows[i].n);
		check_row(rows[i].wanted, !strcmp(found[0] ? found[0]->id : "", rows[i].first));
		check_row(rows[i].wanted, !strcmp(found[1] ? found[1]->id : "", rows[i].second));
	}
	runtime_names_free(names);
}

static void a_whole_id_means_its_container_even_if_another_is_named_so(void **state)
{
	struct runtime_names *names = read_list("[{\"id\":\"" A "\",\"names\":[\"" C "\"]},{\"id\":\"" C "\",\"names\":[\"x\"]}]");
	const struct container_info *found[2];

	(void)state;
	assert_int_equal(runtime_names_find(names, C, found, 2), 1);
	assert_string_equal(found[0]->id, C);
	runtime_names_free(names);
}

static void of_more_matches_than_there_is_room_for_the_first_are_given(void **state)
{
	struct runtime_names *names = read_list("[{\"id\":\"" AB "\"},{\"id\":\"" A "\"}]");
	const struct container_info *found[2] = { NULL, NULL };

	(void)state;
	assert_int_equal(runtime_names_find(names, "a", found, 1), 2);
	assert_string_equal(found[0]->id, A);
	assert_null(found[1]);
	assert_int_equal(runtime_names_find(names, "a", NULL, 0), 2);
	runtime_names_free(names);
}

static void *read_in_a_thread(void *list)
{
	char note[RUNTIME_NOTE_MAX];

	(void)list;
	return read_tree(note);
}

static void names_may_be_read_in_several_threads_of_a_small_stack_at_once(void **state)
{
	pthread_t threads[4];
	pthread_attr_t attributes;
	char *deep = malloc(100000), path[PATH_MAX];
	pid_t server;

	(void)state;
	memset(deep, '[', 99999);
	memcpy(deep, "{\"annotations\":", 15);
	deep[99999] = '\0';
	put(STORAGE_RUN "/" D "/userdata/config.json", deep);
	put(STORAGE_LIB "/containers.json", "[{\"id\":\"" A "\",\"names\":[\"web\"]}]");
	server = server_start((struct behaviour){ .path = tree_path(&tree, "run/docker.sock", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" C "\",\"Names\":[\"/db\"]}]" });
	put("var/", NULL);
	assert_int_equal(symlinkat("../run", tree.fd, "var/run"), 0);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], &attributes, read_in_a_thread, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *names;

		assert_int_equal(pthread_join(threads[i], &names), 0);
		assert_int_equal(runtime_names_count(names), 2);
		runtime_names_free(names);
	}
	pthread_attr_destroy(&attributes);
	child_kill(server);
	free(deep);
}

static int show(const char *root, const char *const *sockets, size_t n_sockets)
{
	struct runtime_sources sources = { .root_fd = open(root, O_PATH | O_CLOEXEC), .sockets = sockets, .n_sockets = n_sockets };
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	if (runtime_names_read(&sources, &names, note))
		return 1;
	for (size_t i = 0; i < runtime_names_count(names); i++) {
		const struct container_info *info = runtime_names_at(names, i);

		printf("%s\t%s\t%s\t%s\t%s\n", info->id, info->name, info->pod, info->pod_namespace, info->image);
	}
	fprintf(stderr, "%s", note);
	runtime_names_free(names);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_host_without_an_engine_has_no_names_and_nothing_to_note),
		TEST(names_are_read_from_the_files_of_each_engine),
		TEST(what_is_no_container_on_disk_is_passed_over_without_a_word),
		TEST(broken_files_are_noted_and_the_others_are_read),
		TEST(a_hosts_usual_sockets_are_asked_below_its_root),
		TEST(sockets_that_the_user_names_are_the_only_ones_asked),
		TEST(an_address_in_docker_host_that_is_no_socket_is_noted),
		TEST(an_engine_that_answers_something_else_is_noted_and_its_good_entries_are_kept),
		TEST(more_containers_than_any_host_has_are_noted_and_left_out),
		TEST(any_number_of_notes_fits),
		TEST(a_user_finds_containers_by_name_before_those_by_the_beginning_of_an_id),
		TEST(a_whole_id_means_its_container_even_if_another_is_named_so),
		TEST(of_more_matches_than_there_is_room_for_the_first_are_given),
		TEST(names_may_be_read_in_several_threads_of_a_small_stack_at_once),
	};

	struct container_ref ref;

	if (argc > 2 && !strcmp(argv[1], "--show"))
		return show(argv[2], (const char *const *)argv + 3, (size_t)argc - 3);
	if (argc == 3 && !strcmp(argv[1], "--parse"))
		return puts(container_parse(argv[2], &ref) ? ref.id : "") == EOF;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
