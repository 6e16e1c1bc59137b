// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/target/runtime_json.h"

#define A "8dfafdbc3a40a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930"
#define B "9cd87474be90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930"

#define MAX_FOUND 8

struct found {
	struct container_info list[MAX_FOUND];
	int n;
	int stop_with;
};

static int note_found(const struct container_info *info, void *data)
{
	struct found *found = data;

	assert_true(found->n < MAX_FOUND);
	found->list[found->n++] = *info;
	return found->stop_with;
}

typedef int (*list_parse)(const char *text, size_t length, runtime_found found, void *data);

/* From a copy without a NUL behind it, so that a sanitizer sees a read past the end. */
static int parse_with(list_parse parse, const char *text, size_t length, struct found *ret)
{
	char *copy = malloc(length ? length : 1);
	int error;

	memcpy(copy, text, length);
	*ret = (struct found){ .n = 0 };
	error = parse(copy, length, note_found, ret);
	free(copy);
	return error;
}

static int parse(list_parse parse, const char *text, struct found *ret)
{
	return parse_with(parse, text, strlen(text), ret);
}

static void check_info(const struct container_info *info, const char *id, const char *name, const char *pod,
		       const char *pod_namespace, const char *image)
{
	assert_string_equal(info->id, id);
	assert_string_equal(info->name, name);
	assert_string_equal(info->pod, pod);
	assert_string_equal(info->pod_namespace, pod_namespace);
	assert_string_equal(info->image, image);
}

/* As Docker 20.10 answers; of the second container another one has a link. */
#define DOCKER_ANSWER                                                                                                         \
	"[{\"Id\":\"" A "\",\"Names\":[\"/boring_feynman\"],\"Image\":\"ubuntu:latest\",\"ImageID\":\"sha256:d74508fb6632\","      \
	"\"Command\":\"echo 1\",\"Created\":1367854155,\"Ports\":[{\"PrivatePort\":2222,\"PublicPort\":3333,\"Type\":\"tcp\"}],"  \
	"\"Labels\":{\"com.example.vendor\":\"Acme\"},\"State\":\"running\",\"Status\":\"Up 3 hours\",\"HostConfig\":"           \
	"{\"NetworkMode\":\"default\"},\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAMConfig\":null,\"Gateway\":"          \
	"\"172.17.0.1\"}}},\"Mounts\":[]},\n"                                                                                   \
	" {\"Id\":\"" B "\",\"Names\":[\"/boring_feynman/db\",\"/cool_name\"],\"Image\":\"postgres:16\",\"Labels\":{}}]\n"

static void dockers_answer_gives_names_and_images(void **state)
{
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_api, DOCKER_ANSWER, &found), 0);
	assert_int_equal(found.n, 2);
	check_info(&found.list[0], A, "boring_feynman", "", "", "ubuntu:latest");
	check_info(&found.list[1], B, "cool_name", "", "", "postgres:16");
}

/* Podman's answer has the names with a slash too, null where Docker has {} and fields of its own. */
static void podmans_answer_gives_names_and_images(void **state)
{
	static const char answer[] =
		"[{\"Id\":\"" A "\",\"Names\":[\"/web\"],\"Image\":\"docker.io/library/nginx:latest\",\"ImageID\":\"sha256:ab\",\"Command\":"
		"\"sleep 1\",\"Created\":1673000000,\"Ports\":[],\"Labels\":null,\"State\":\"running\",\"Status\":\"Up 2 seconds\","
		"\"NetworkSettings\":{\"Networks\":{}},\"Mounts\":null,\"Name\":\"\",\"Config\":null,\"NetworkingConfig\":null,"
		"\"Platform\":null,\"DefaultReadOnlyNonRecursive\":false}]";
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_api, answer, &found), 0);
	assert_int_equal(found.n, 1);
	check_info(&found.list[0], A, "web", "", "", "docker.io/library/nginx:latest");
}

static void dockers_containers_of_kubernetes_have_the_names_of_their_labels(void **state)
{
	static const char answer[] =
		"[{\"Id\":\"" A "\",\"Names\":[\"/k8s_redis_cache-0_shop_3f6c1a52-9d0e-4b7a-8c21-0f5e6d7c8b9a_0\"],\"Image\":\"sha256:ab\","
		"\"Labels\":{\"io.kubernetes.container.name\":\"redis\",\"io.kubernetes.pod.name\":\"cache-0\","
		"\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.uid\":\"3f6c1a52-9d0e-4b7a-8c21-0f5e6d7c8b9a\"}}]";
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_api, answer, &found), 0);
	check_info(&found.list[0], A, "redis", "cache-0", "shop", "sha256:ab");
}

static void the_storages_list_gives_names_and_the_image_of_its_metadata(void **state)
{
	static const char list[] =
		"[{\"id\":\"" A "\",\"names\":[\"web\"],\"image\":\"c2d6\",\"layer\":\"77\",\"metadata\":\"{\\\"image-name\\\":"
		"\\\"localhost/web:1\\\",\\\"image-id\\\":\\\"c2d6\\\",\\\"name\\\":\\\"web\\\",\\\"created-at\\\":1673000000}\","
		"\"created\":\"2023-01-06T10:13:20Z\",\"flags\":{\"MountLabel\":\"\",\"ProcessLabel\":\"\"}},"
		"{\"id\":\"" B "\",\"metadata\":\"no JSON\"}]";
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_storage, list, &found), 0);
	assert_int_equal(found.n, 2);
	check_info(&found.list[0], A, "web", "", "", "localhost/web:1");
	check_info(&found.list[1], B, "", "", "", "");
}

static void the_annotations_of_a_bundle_give_what_each_engine_writes(void **state)
{
	static const struct {
		const char *annotations, *name, *pod, *pod_namespace, *image;
	} rows[] = {
		{ "\"io.kubernetes.container.name\":\"redis\",\"io.kubernetes.pod.name\":\"cache-0\",\"io.kubernetes.pod.namespace\":\"shop\","
		  "\"io.kubernetes.cri-o.ContainerName\":\"k8s_redis\",\"io.kubernetes.cri-o.ImageName\":\"quay.io/redis:7\"",
		  "redis", "cache-0", "shop", "quay.io/redis:7" },
		{ "\"io.kubernetes.cri.container-name\":\"redis\",\"io.kubernetes.cri.sandbox-name\":\"cache-0\","
		  "\"io.kubernetes.cri.sandbox-namespace\":\"shop\",\"io.kubernetes.cri.image-name\":\"docker.io/redis:7\"",
		  "redis", "cache-0", "shop", "docker.io/redis:7" },
		{ "\"io.kubernetes.cri.container-type\":\"sandbox\",\"io.kubernetes.cri.sandbox-name\":\"cache-0\","
		  "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"", "", "cache-0", "shop", "" },
		{ "\"nerdctl/name\":\"web\",\"nerdctl/namespace\":\"default\",\"nerdctl/hostname\":\"8dfafdbc3a40\"", "web", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct container_info info;
		char text[1024];

		snprintf(text, sizeof(text), "{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"a\"]},\"annotations\":{%s}}",
			 rows[i].annotations);
		assert_int_equal(runtime_parse_oci(text, strlen(text), &info), 0);
		check_info(&info, "", rows[i].name, rows[i].pod, rows[i].pod_namespace, rows[i].image);
	}
}

static void a_bundle_without_a_name_or_that_is_none_gives_nothing(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "{\"ociVersion\":\"1.0.2\"}", -ENODATA }, { "{\"annotations\":{\"a\":\"b\"}}", -ENODATA },
		{ "{\"annotations\":[\"nerdctl/name\"]}", -ENODATA }, { "{\"annotations\":{\"nerdctl/name\":7}}", -ENODATA },
		{ "{\"annotations\":{\"io.kubernetes.pod.namespace\":\"a\"}}", -ENODATA },
		{ "", -EPROTO }, { "[]", -EPROTO }, { "\"a\"", -EPROTO }, { "{\"annotations\":{\"nerdctl/name\":\"a\"}", -EPROTO },
		{ "{\"annotations\":{\"nerdctl/name\":\"a\"}} x", -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct container_info info = { .name = "before" };

		check_row(rows[i].text, runtime_parse_oci(rows[i].text, strlen(rows[i].text), &info) == rows[i].error);
		check_row(rows[i].text, !strcmp(info.name, "before"));
	}
}

static void an_empty_list_is_one(void **state)
{
	static const char *const rows[] = { "[]", " [ ] \r\n", "[\n]\n" };
	struct found found;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i], parse(runtime_parse_api, rows[i], &found) == 0);
		check_row(rows[i], found.n == 0);
	}
}

static void entries_without_a_whole_id_are_passed_over(void **state)
{
	static const char answer[] = "[{}, {\"Id\":7}, {\"Id\":\"8dfafdbc3a40\"}, {\"Id\":\"../../etc\"}, {\"id\":\"" A "\"},"
				     "{\"Id\":\"" A "0\"}, {\"Id\":null,\"Names\":7,\"Labels\":[1]}, {\"Id\":\"" B "\"}]";
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_api, answer, &found), 0);
	assert_int_equal(found.n, 1);
	check_info(&found.list[0], B, "", "", "", "");
}

static void fields_of_the_wrong_type_are_as_if_missing(void **state)
{
	static const char answer[] = "[{\"Id\":\"" A "\",\"Names\":{\"a\":1},\"Image\":[],\"Labels\":\"x\"},"
				     "{\"Id\":\"" B "\",\"Names\":[7,null,[],\"/\",\"\",\"/web\"],\"Image\":{},"
				     "\"Labels\":{\"io.kubernetes.pod.name\":[\"a\"]}}]";
	struct found found;

	(void)state;
	assert_int_equal(parse(runtime_parse_api, answer, &found), 0);
	check_info(&found.list[0], A, "", "", "", "");
	check_info(&found.list[1], B, "web", "", "", "");
}

static void what_is_no_list_of_objects_is_refused_after_what_was_good(void **state)
{
	static const struct {
		const char *text;
		int n;
	} rows[] = {
		{ "", 0 }, { " ", 0 }, { "x", 0 }, { "{}", 0 }, { "null", 0 }, { "[", 0 }, { "[,]", 0 }, { "[1]", 0 }, { "[[]]", 0 },
		{ "[null]", 0 }, { "[{]", 0 }, { "[{}", 0 }, { "[{}{}]", 0 }, { "[] []", 0 }, { "[\"" A "\"]", 0 },
		{ "{\"message\":\"page not found\"}", 0 }, { "<html>", 0 }, { "[{\"Id\":\"\\u0000\"}]", 0 }, { "[{\"Id\":\"\xff\"}]", 0 },
		{ "[{\"Id\":\"" A "\"},]", 1 }, { "[{\"Id\":\"" A "\"},7]", 1 }, { "[{\"Id\":\"" A "\"}", 1 }, { "[{\"Id\":\"" A "\"}]x", 1 },
		{ "[{\"Id\":\"" A "\"},{\"Id\":1e999}]", 1 },
	};
	struct found found;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i].text, parse(runtime_parse_api, rows[i].text, &found) == -EPROTO);
		check_row(rows[i].text, found.n == rows[i].n);
	}
}

static void an_answer_cut_anywhere_is_refused(void **state)
{
	const size_t whole = strlen(DOCKER_ANSWER) - 1; /* the last newline says nothing */
	struct found found;

	(void)state;
	for (size_t length = 0; length < whole; length++) {
		assert_int_equal(parse_with(runtime_parse_api, DOCKER_ANSWER, length, &found), -EPROTO);
		assert_true(found.n <= 2);
	}
	assert_int_equal(parse_with(runtime_parse_api, DOCKER_ANSWER, whole, &found), 0);
}

static void any_depth_is_refused_without_a_crash(void **state)
{
	enum { DEPTH = 1000000 };
	char *text = malloc(DEPTH + 1);
	struct container_info info;
	struct found found;

	(void)state;
	memset(text, '[', DEPTH);
	text[1] = '{';
	memcpy(text + 2, "\"a\":", 4);
	assert_int_equal(parse_with(runtime_parse_api, text, DEPTH, &found), -EPROTO);
	assert_int_equal(runtime_parse_oci(text + 1, DEPTH - 1, &info), -EPROTO);
	free(text);
}

static void an_entry_longer_than_any_is_refused(void **state)
{
	static const char head[] = "[{\"Id\":\"" A "\",\"x\":\"";
	static const size_t lengths[] = { RUNTIME_ENTRY_MAX / 2, RUNTIME_ENTRY_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		size_t head_length = strlen(head);
		char *text = malloc(head_length + lengths[i] + 3);
		struct found found;

		memcpy(text, head, head_length);
		memset(text + head_length, 'y', lengths[i]);
		memcpy(text + head_length + lengths[i], "\"}]", 3);
		assert_int_equal(parse_with(runtime_parse_api, text, head_length + lengths[i] + 3, &found), i ? -EPROTO : 0);
		assert_int_equal(found.n, i ? 0 : 1);
		free(text);
	}
}

static void names_are_cut_and_made_printable(void **state)
{
	char text[2048], long_name[3 * 200 + 1] = "";
	struct found found;

	(void)state;
	for (int i = 0; i < 200; i++)
		strcat(long_name, "\xe2\x82\xac"); /* three bytes each: the room ends within one */
	snprintf(text, sizeof(text), "[{\"Id\":\"" A "\",\"Names\":[\"/%s\"]},{\"Id\":\"" B "\",\"Names\":[\"/a\\u001b[31m\\nb\"]}]", long_name);
	assert_int_equal(parse(runtime_parse_api, text, &found), 0);
	assert_int_equal(strlen(found.list[0].name), RUNTIME_NAME_MAX - 1);
	assert_int_equal(strncmp(found.list[0].name, long_name, RUNTIME_NAME_MAX - 1), 0); /* 255 bytes are 85 of them */
	assert_string_equal(found.list[1].name, "a?[31m?b");
	snprintf(text, sizeof(text), "[{\"Id\":\"" A "\",\"Names\":[\"/x%s\"]}]", long_name);
	assert_int_equal(parse(runtime_parse_api, text, &found), 0);
	assert_string_equal(found.list[0].name + RUNTIME_NAME_MAX - 3, "??");
}

static void who_is_told_can_end_the_reading(void **state)
{
	struct found found = { .stop_with = -ENOMEM };

	(void)state;
	assert_int_equal(runtime_parse_api(DOCKER_ANSWER, strlen(DOCKER_ANSWER), note_found, &found), -ENOMEM);
	assert_int_equal(found.n, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dockers_answer_gives_names_and_images),
		cmocka_unit_test(podmans_answer_gives_names_and_images),
		cmocka_unit_test(dockers_containers_of_kubernetes_have_the_names_of_their_labels),
		cmocka_unit_test(the_storages_list_gives_names_and_the_image_of_its_metadata),
		cmocka_unit_test(the_annotations_of_a_bundle_give_what_each_engine_writes),
		cmocka_unit_test(a_bundle_without_a_name_or_that_is_none_gives_nothing),
		cmocka_unit_test(an_empty_list_is_one),
		cmocka_unit_test(entries_without_a_whole_id_are_passed_over),
		cmocka_unit_test(fields_of_the_wrong_type_are_as_if_missing),
		cmocka_unit_test(what_is_no_list_of_objects_is_refused_after_what_was_good),
		cmocka_unit_test(an_answer_cut_anywhere_is_refused),
		cmocka_unit_test(any_depth_is_refused_without_a_crash),
		cmocka_unit_test(an_entry_longer_than_any_is_refused),
		cmocka_unit_test(names_are_cut_and_made_printable),
		cmocka_unit_test(who_is_told_can_end_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
