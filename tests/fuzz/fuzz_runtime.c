// SPDX-License-Identifier: GPL-2.0-only
/* What container engines say and write of containers, whose names, labels and annotations are anybody's. */
#include "tests/fuzz/fuzz.h"

#include "user/target/runtime_json.h"

static bool is_plain(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return length < room;
}

static void check(const struct container_info *info)
{
	assert_true(is_plain(info->name, sizeof(info->name)) && is_plain(info->image, sizeof(info->image)));
	assert_true(is_plain(info->pod, sizeof(info->pod)) && is_plain(info->pod_namespace, sizeof(info->pod_namespace)));
}

static int found(const struct container_info *info, void *data)
{
	(void)data;
	assert_true(container_id_is(info->id, strnlen(info->id, sizeof(info->id))));
	check(info);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_info info = { .id = "" };
	struct input input = { data, size };
	uint8_t kind = take8(&input) % 3;
	size_t length = input.left;
	char *text = take_text(&input);

	if (kind == 0)
		runtime_parse_api(text, length, found, NULL);
	else if (kind == 1)
		runtime_parse_storage(text, length, found, NULL);
	else if (!runtime_parse_oci(text, length, &info))
		check(&info);
	free(text);
	return 0;
}
