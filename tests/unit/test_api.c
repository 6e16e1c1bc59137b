// SPDX-License-Identifier: GPL-2.0-only
/* What the API answers, from a store that is filled by hand; no server. */
#include "tests/unit/helpers.h"

#include <jansson.h>
#include <stdarg.h>

#include "tests/unit/data.h"
#include "user/http/api.h"
#include "user/page/page.h"
#include "user/store/store.h"

/* A request as this suite has it: a query. The server's own http_parameter() is not asked. */
struct query {
	const char *name[2], *value[2];
};

const char *__wrap_http_parameter(const struct http_request *request, const char *name);
const char *__wrap_http_parameter(const struct http_request *request, const char *name)
{
	const struct query *query = (const struct query *)request;

	for (size_t i = 0; i < COUNT_OF(query->name); i++)
		if (query->name[i] && !strcmp(query->name[i], name))
			return query->value[i];
	return NULL;
}

static const struct http_route *route(const char *path)
{
	for (const struct http_route *route = api_routes; route->path; route++)
		if (!strcmp(route->path, path))
			return route;
	fail_msg("no route %s", path);
	return NULL;
}

/* The body, to free. */
static char *ask(struct store *store, const char *path, const struct query *query, int status, const char **ret_type)
{
	const char *type = NULL;
	struct capture capture;

	capture_start(&capture);
	assert_int_equal(route(path)->render((const struct http_request *)query, store, capture.stream, &type), status);
	if (ret_type)
		*ret_type = type;
	return capture_end(&capture);
}

static json_t *ask_json(struct store *store, const char *path, const struct query *query)
{
	char *text = ask(store, path, query, 200, NULL);
	json_error_t error;
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!object)
		fail_msg("%s: %s", error.text, text);
	free(text);
	return object;
}

static const struct query no_query;

static struct store *opened(void)
{
	static const struct store_limits limits = { .series_bytes = 1 << 20, .gone = 4, .trims = 600 };
	struct store *store;

	assert_int_equal(store_open(&limits, &store), 0);
	return store;
}

static void add(struct store *store, pid_t pid, time_t second)
{
	struct snapshot snapshot = known_snapshot();

	snapshot.target.pid = pid;
	snapshot.now = (struct timespec){ second, 0 };
	snapshot.allocator.alloc = pid * MIB;
	if (pid == 3)
		snapshot.kernel.cgroup.limit = UNKNOWN;
	store_add(store, &snapshot);
}

/* Two intervals: 1 is gone in the second, 3 comes. */
static struct store *filled(void)
{
	struct store *store = opened();

	add(store, 1, 100);
	add(store, 2, 100);
	store_end_interval(store);
	add(store, 2, 101);
	add(store, 3, 101);
	store_end_interval(store);
	return store;
}

static const json_t *at(const json_t *list, size_t i, const char *key)
{
	const json_t *value = json_object_get(json_array_get(list, i), key);

	if (!value)
		fail_msg("no '%s' in element %zu", key, i);
	return value;
}

static void targets_are_there_with_their_snapshots_and_the_gone_without(void **state)
{
	struct store *store = filled();
	json_t *answer = ask_json(store, "/api/v1/targets", &no_query);
	const json_t *targets = json_object_get(answer, "targets");

	(void)state;
	assert_int_equal(json_array_size(targets), 3);
	assert_true(json_is_true(at(targets, 0, "gone")));
	assert_true(json_is_null(at(targets, 0, "snapshot")));
	assert_int_equal(json_integer_value(json_object_get(at(targets, 0, "target"), "pid")), 1);
	assert_string_equal(json_string_value(at(targets, 0, "last")), "1970-01-01T00:01:40.000Z");
	for (size_t i = 1; i < 3; i++) {
		const json_t *snapshot = at(targets, i, "snapshot");

		assert_true(json_is_false(at(targets, i, "gone")));
		assert_int_equal(json_integer_value(json_object_get(snapshot, "schema")), 1);
		assert_int_equal(json_integer_value(json_object_get(json_object_get(snapshot, "allocator"), "alloc")), (i + 1) * MIB);
		assert_int_equal(json_integer_value(json_object_get(json_object_get(snapshot, "target"), "pid")), i + 1);
	}
	assert_string_equal(json_string_value(json_object_get(answer, "time")), "1970-01-01T00:01:41.000Z");
	json_decref(answer);
	store_close(store);
}

static void one_target_is_asked_for_by_its_id(void **state)
{
	struct store *store = filled();
	json_t *answer = ask_json(store, "/api/v1/targets", &(struct query){ { "id" }, { "2" } });
	const json_t *targets = json_object_get(answer, "targets");

	(void)state;
	assert_int_equal(json_array_size(targets), 1);
	assert_int_equal(json_integer_value(at(targets, 0, "id")), 2);
	json_decref(answer);
	store_close(store);
}

static void before_the_first_interval_there_is_nothing(void **state)
{
	struct store *store = opened();
	json_t *answer = ask_json(store, "/api/v1/targets", &no_query);
	char *event = ask(store, "/api/v1/events", &no_query, 200, NULL);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(answer, "targets")), 0);
	assert_true(json_is_null(json_object_get(answer, "time")));
	assert_string_equal(event, "");
	free(event);
	json_decref(answer);
	store_close(store);
}

static void figures_over_time_are_columns_with_null_for_the_unknown(void **state)
{
	static const char *const columns[] = { "time_ms", "alloc", "rss", "current", "limit", "gap" };
	struct store *store = filled();
	json_t *two = ask_json(store, "/api/v1/series", &(struct query){ { "id" }, { "2" } });
	json_t *late = ask_json(store, "/api/v1/series", &(struct query){ { "id", "from" }, { "2", "100500" } });
	json_t *one = ask_json(store, "/api/v1/series", &(struct query){ { "id", "points" }, { "2", "1" } });
	json_t *three = ask_json(store, "/api/v1/series", &(struct query){ { "id" }, { "3" } });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		assert_int_equal(json_array_size(json_object_get(two, columns[i])), 2);
		assert_int_equal(json_array_size(json_object_get(late, columns[i])), 1);
		assert_int_equal(json_array_size(json_object_get(one, columns[i])), 1);
	}
	assert_int_equal(json_integer_value(json_array_get(json_object_get(two, "time_ms"), 1)), 101000);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(one, "time_ms"), 0)), 101000);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(two, "gap"), 0)), 45 * MIB);
	assert_true(json_is_null(json_array_get(json_object_get(three, "limit"), 0)));
	json_decref(two);
	json_decref(late);
	json_decref(one);
	json_decref(three);
	store_close(store);
}

static void add_trims(struct store *store, int n)
{
	for (int i = 0; i < n; i++) {
		struct trim_event event = known_event();

		event.target.pid = 2;
		store_add_trim(store, &event);
	}
}

static void trims_are_read_on_from_the_last_one(void **state)
{
	struct store *store = filled();
	json_t *first, *rest;
	const json_t *trims;

	(void)state;
	add_trims(store, API_TRIMS + 3);
	first = ask_json(store, "/api/v1/trims", &no_query);
	rest = ask_json(store, "/api/v1/trims", &(struct query){ { "after" }, { "500" } });
	trims = json_object_get(rest, "trims");
	assert_int_equal(json_array_size(json_object_get(first, "trims")), API_TRIMS);
	assert_true(json_is_true(json_object_get(first, "more")));
	assert_int_equal(json_array_size(trims), 3);
	assert_false(json_is_true(json_object_get(rest, "more")));
	assert_int_equal(json_integer_value(at(trims, 0, "number")), 501);
	assert_int_equal(json_integer_value(at(trims, 0, "id")), 2);
	assert_int_equal(json_integer_value(at(trims, 0, "predicted")), 59 * MIB);
	assert_int_equal(json_integer_value(at(trims, 0, "reclaimed")), 60 * MIB);
	assert_true(json_is_null(at(trims, 0, "regrown")));
	json_decref(first);
	json_decref(rest);
	store_close(store);
}

/* "event: …\nid: …\ndata: {…}\n\n": parsed as a browser does it. */
static json_t *data_of_event(const char *text)
{
	const char *data = strstr(text, "data: ");
	json_t *object;

	assert_non_null(data);
	assert_int_equal(strncmp(text, "event: interval\nid: 2\ndata: ", 28), 0);
	assert_string_equal(strchr(data, '\n'), "\n\n");
	object = json_loads(data + 6, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(object);
	return object;
}

static void an_event_has_the_new_point_of_each_target_and_the_last_trims(void **state)
{
	struct store *store = opened();
	const json_t *targets, *trims;
	json_t *data;
	char *text;

	(void)state;
	add(store, 2, 100);
	store_end_interval(store);
	add_trims(store, 10);
	add(store, 2, 101);
	store_end_interval(store);
	text = ask(store, "/api/v1/events", &no_query, 200, NULL);
	data = data_of_event(text);
	targets = json_object_get(data, "targets");
	trims = json_object_get(data, "trims");
	assert_int_equal(json_array_size(targets), 1);
	assert_string_equal(json_string_value(at(targets, 0, "name")), "redis-server[2]");
	assert_string_equal(json_string_value(at(targets, 0, "verdict")), "in-use");
	assert_int_equal(json_array_size(at(targets, 0, "point")), 6);
	assert_int_equal(json_integer_value(json_array_get(at(targets, 0, "point"), 0)), 101000);
	assert_int_equal(json_integer_value(json_array_get(at(targets, 0, "point"), 1)), 2 * MIB);
	assert_int_equal(json_array_size(trims), API_TRIMS_OF_EVENT);
	assert_int_equal(json_integer_value(at(trims, 0, "number")), 3);
	assert_int_equal(json_integer_value(json_object_get(data, "last_trim")), 10);
	json_decref(data);
	free(text);
	store_close(store);
}

static void what_is_asked_wrongly_is_told_in_a_line(void **state)
{
	static const struct {
		const char *path;
		struct query query;
		int status;
	} rows[] = {
		{ "/api/v1/series", { { NULL }, { NULL } }, 400 },
		{ "/api/v1/series", { { "id" }, { "" } }, 400 },
		{ "/api/v1/series", { { "id" }, { "x" } }, 400 },
		{ "/api/v1/series", { { "id" }, { "-1" } }, 400 },
		{ "/api/v1/series", { { "id" }, { "1 " } }, 400 },
		{ "/api/v1/series", { { "id" }, { "99999999999999999999" } }, 400 },
		{ "/api/v1/series", { { "id" }, { "77" } }, 404 },
		{ "/api/v1/series", { { "id" }, { "0" } }, 404 },
		{ "/api/v1/series", { { "id", "from" }, { "2", "now" } }, 400 },
		{ "/api/v1/series", { { "id", "points" }, { "2", "0" } }, 400 },
		{ "/api/v1/series", { { "id", "points" }, { "2", "10001" } }, 400 },
		{ "/api/v1/targets", { { "id" }, { "all" } }, 400 },
		{ "/api/v1/targets", { { "id" }, { "77" } }, 404 },
		{ "/api/v1/targets", { { "id" }, { "0" } }, 404 },
		{ "/api/v1/trims", { { "after" }, { "1e3" } }, 400 },
	};
	struct store *store = filled();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *type;
		char *line = ask(store, rows[i].path, &rows[i].query, rows[i].status, &type);

		assert_string_equal(type, "text/plain; charset=utf-8");
		assert_true(strlen(line) > 10);
		assert_string_equal(strchr(line, '\n'), "\n");
		free(line);
	}
	store_close(store);
}

static void the_page_is_whole_and_its_policy_forbids_all_but_what_is_in_it(void **state)
{
	char *html = ask(NULL, "/", &no_query, 200, NULL);

	(void)state;
	assert_int_equal(strncmp(html, "<!DOCTYPE html>", 15), 0);
	assert_string_equal(html + strlen(html) - 8, "</html>\n");
	assert_int_equal(strlen(html), page_html().size);
	assert_non_null(strstr(html, "Permission is hereby granted")); /* the library's licence */
	assert_non_null(strstr(page_csp(), "default-src 'none'; script-src 'sha256-"));
	assert_null(strstr(page_csp(), "unsafe"));
	assert_null(strchr(page_csp(), '\n'));
	free(html);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_there_with_their_snapshots_and_the_gone_without),
		cmocka_unit_test(one_target_is_asked_for_by_its_id),
		cmocka_unit_test(before_the_first_interval_there_is_nothing),
		cmocka_unit_test(figures_over_time_are_columns_with_null_for_the_unknown),
		cmocka_unit_test(trims_are_read_on_from_the_last_one),
		cmocka_unit_test(an_event_has_the_new_point_of_each_target_and_the_last_trims),
		cmocka_unit_test(what_is_asked_wrongly_is_told_in_a_line),
		cmocka_unit_test(the_page_is_whole_and_its_policy_forbids_all_but_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
