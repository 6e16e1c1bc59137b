// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <curses.h>
#include <locale.h>

#include "user/base/units.h"
#include "user/screen/keys.h"
#include "user/screen/page.h"

#define MIB (1LL << 20)
#define LINE_MAX_BYTES 1024

struct scene {
	struct view view;
	struct messages messages;
	struct page page;
	struct canvas canvas;
};

static void scene_open(struct scene *scene, const char *comm)
{
	struct snapshot snapshot;

	*scene = (struct scene){ .page = { .view = &scene->view, .messages = &scene->messages, .clock = "12:00:00" } };
	view_init(&scene->view);
	assert_int_equal(messages_open(&scene->messages), 0);
	snapshot_init(&snapshot);
	snapshot.target.kind = TARGET_PROCESS;
	snapshot.target.pid = 7;
	snapshot.target.processes = 1;
	strcpy(snapshot.target.comm, comm);
	snapshot.allocator.alloc = 10 * MIB;
	snapshot.kernel.rss = 64 * MIB;
	snapshot.gap.bytes = 50 * MIB;
	snapshot.gap.percent = 83.4;
	snapshot.gap.trimmable = 48 * MIB;
	snapshot.gap.verdict = VERDICT_RETAINED;
	strcpy(snapshot.gap.why, "48 MiB are free in whole pages");
	view_add(&scene->view, &snapshot);
	view_end_interval(&scene->view);
}

static void scene_close(struct scene *scene)
{
	view_free(&scene->view);
	messages_close(&scene->messages);
	canvas_free(&scene->canvas);
}

static void draw(struct scene *scene, int width, int height)
{
	assert_int_equal(canvas_resize(&scene->canvas, width, height), 0);
	page_draw(&scene->page, &scene->canvas);
}

static const char *line_of(const struct canvas *canvas, int line)
{
	static char text[LINE_MAX_BYTES];
	size_t used;

	text[0] = '\0';
	for (int i = 0; i < canvas->width; i++)
		strcat(text, canvas->cells[line * canvas->width + i].text);
	for (used = strlen(text); used && text[used - 1] == ' '; used--)
		text[used - 1] = '\0';
	return text;
}

static void a_wide_screen_has_all(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "redis");
	messages_add(&scene.messages, 0, "hello\nworld");
	draw(&scene, 120, 18);
	assert_string_equal(line_of(&scene.canvas, 0), "12:00:00  1 target  RSS 64 MiB  gap 50 MiB  1 process  sorted by GAP");
	assert_non_null(strstr(line_of(&scene.canvas, 1),
			       "  TARGET   VERDICT       ALLOC      RSS      ▼GAP  GAP%   CGROUP    LIMIT  TRIMMABLE ALLOC/t"));
	assert_non_null(strstr(line_of(&scene.canvas, 2), "> redis[7] retained"));
	assert_non_null(strstr(line_of(&scene.canvas, 2), " 10 MiB   64 MiB    50 MiB    83        -        -     48 MiB "));
	assert_string_equal(line_of(&scene.canvas, 14), "redis[7]: retained: 48 MiB are free in whole pages");
	assert_non_null(strstr(line_of(&scene.canvas, 16), " hello"));
	assert_null(strstr(line_of(&scene.canvas, 16), "world"));
	assert_non_null(strstr(line_of(&scene.canvas, 17), "q quit"));
	scene_close(&scene);
}

static void a_small_one_has_names_and_gaps(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "redis-server");
	draw(&scene, 20, 5);
	assert_string_equal(line_of(&scene.canvas, 1), "  TARGET        ▼GAP");
	assert_string_equal(line_of(&scene.canvas, 2), "> …rver[7]    50 MiB");
	scene.page.prompt = "a long question about it? (y/N) ";
	draw(&scene, 20, 5);
	assert_string_equal(line_of(&scene.canvas, 4), "ion about it? (y/N)");
	scene_close(&scene);
}

static void no_size_is_too_small_or_large(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "日本語日本語日本語");
	for (int i = 0; i < 300; i++)
		messages_add(&scene.messages, 0, "message");
	for (int mode = 0; mode < 8; mode++) {
		scene.page.help = mode & 1;
		scene.page.log = mode & 2;
		scene.page.prompt = mode & 4 ? "日?" : NULL;
		for (int width = 0; width < 230; width += 1 + width / 9)
			for (int height = 0; height < 70; height += 1 + height / 9)
				draw(&scene, width, height);
	}
	scene_close(&scene);
}

static void wide_characters_take_two_columns_and_none_is_cut(void **state)
{
	struct canvas canvas = { 0 };

	(void)state;
	canvas_resize(&canvas, 4, 1);
	assert_int_equal(canvas_put(&canvas, 0, 0, 3, STYLE_PLAIN, "日本"), 2);
	assert_string_equal(canvas.cells[0].text, "日");
	assert_string_equal(canvas.cells[1].text, "");
	assert_string_equal(canvas.cells[2].text, " ");
	assert_int_equal(canvas_put(&canvas, 0, 3, 9, STYLE_PLAIN, "日"), 0);
	assert_int_equal(canvas_put(&canvas, 0, 0, 4, STYLE_PLAIN, "e\u0301x"), 2);
	assert_string_equal(canvas.cells[0].text, "e\u0301");
	assert_int_equal(canvas_put(&canvas, 1, 0, 4, STYLE_PLAIN, "x"), 0);
	assert_int_equal(canvas_put(&canvas, 0, -1, 4, STYLE_PLAIN, "x"), 0);
	canvas.ascii = true;
	assert_int_equal(canvas_put(&canvas, 0, 0, 4, STYLE_PLAIN, "日é"), 3);
	assert_string_equal(line_of(&canvas, 0), "???");
	canvas_free(&canvas);
}

static void keys_are_those_of_top_and_htop(void **state)
{
	static const struct {
		bool special;
		unsigned int code;
		enum key_command command;
	} rows[] = {
		{ false, 'q', COMMAND_QUIT },	 { true, KEY_F(10), COMMAND_QUIT }, { true, KEY_UP, COMMAND_LINE_UP },
		{ false, 'j', COMMAND_LINE_DOWN }, { true, KEY_F(4), COMMAND_FILTER }, { false, '/', COMMAND_FILTER },
		{ true, KEY_F(6), COMMAND_SORT }, { false, ' ', COMMAND_TOGGLE },   { false, '\r', COMMAND_TOGGLE },
		{ false, 't', COMMAND_TRIM },	 { false, 'F', COMMAND_FORCE },	    { false, 'x', COMMAND_NONE },
		{ false, KEY_UP, COMMAND_NONE }, { true, 'q', COMMAND_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(key_command((struct key){ rows[i].special, rows[i].code }), rows[i].command);
}

static void a_line_is_edited_by_characters(void **state)
{
	char text[6] = "";

	(void)state;
	assert_true(key_edit((struct key){ false, 'a' }, text, sizeof(text)));
	assert_true(key_edit((struct key){ false, 0x65e5 }, text, sizeof(text)));
	assert_string_equal(text, "a日");
	assert_false(key_edit((struct key){ false, 0x65e5 }, text, sizeof(text))); /* no room */
	assert_false(key_edit((struct key){ false, 0x1b }, text, sizeof(text)));
	assert_false(key_edit((struct key){ false, 0x9b }, text, sizeof(text)));
	assert_false(key_edit((struct key){ true, KEY_UP }, text, sizeof(text)));
	assert_true(key_edit((struct key){ true, KEY_BACKSPACE }, text, sizeof(text)));
	assert_string_equal(text, "a");
	assert_true(key_edit((struct key){ false, 0x7f }, text, sizeof(text)));
	assert_true(key_edit((struct key){ false, 0x7f }, text, sizeof(text)));
	assert_string_equal(text, "");
}

static int take_utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wide_screen_has_all),
		cmocka_unit_test(a_small_one_has_names_and_gaps),
		cmocka_unit_test(no_size_is_too_small_or_large),
		cmocka_unit_test(wide_characters_take_two_columns_and_none_is_cut),
		cmocka_unit_test(keys_are_those_of_top_and_htop),
		cmocka_unit_test(a_line_is_edited_by_characters),
	};

	return cmocka_run_group_tests(tests, take_utf8, NULL);
}
