// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/runtime_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/base/json_read.h"
#include "user/base/text.h"

/* One entry of a list, as its kind has it; false: it has no id. */
typedef bool (*entry_reader)(const json_t *entry, struct container_info *ret);

static void set_text(char ret[RUNTIME_NAME_MAX], const char *text)
{
	if (ret[0] || !text)
		return;
	snprintf(ret, RUNTIME_NAME_MAX, "%s", text);
	text_make_printable(ret); /* a character that was cut in the middle as well */
}

static const char *member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool set_id(const char *id, struct container_info *ret)
{
	if (!id || !container_id_is(id, strlen(id)))
		return false;
	strcpy(ret->id, id);
	return true;
}

/* Labels of a container, or annotations of its bundle. */
static void set_from_labels(const json_t *labels, struct container_info *ret)
{
	set_text(ret->name, member(labels, "io.kubernetes.container.name"));
	set_text(ret->pod, member(labels, "io.kubernetes.pod.name"));
	set_text(ret->pod_namespace, member(labels, "io.kubernetes.pod.namespace"));
}

static void set_from_annotations(const json_t *annotations, struct container_info *ret)
{
	set_from_labels(annotations, ret);
	set_text(ret->name, member(annotations, "io.kubernetes.cri.container-name"));
	set_text(ret->name, member(annotations, "nerdctl/name"));
	set_text(ret->pod, member(annotations, "io.kubernetes.cri.sandbox-name"));
	set_text(ret->pod_namespace, member(annotations, "io.kubernetes.cri.sandbox-namespace"));
	set_text(ret->image, member(annotations, "io.kubernetes.cri.image-name"));
	set_text(ret->image, member(annotations, "io.kubernetes.cri-o.ImageName"));
}

/* Docker's names have a slash before them; "/web/db" is what a link of web calls the container, and not its name. */
static void set_from_names(const json_t *names, struct container_info *ret)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);

		if (text && text[0] == '/')
			text++;
		if (text && !strchr(text, '/'))
			set_text(ret->name, text);
	}
}

static bool read_api_entry(const json_t *entry, struct container_info *ret)
{
	set_from_labels(json_object_get(entry, "Labels"), ret);
	set_from_names(json_object_get(entry, "Names"), ret);
	set_text(ret->image, member(entry, "Image"));
	return set_id(member(entry, "Id"), ret);
}

static bool read_storage_entry(const json_t *entry, struct container_info *ret)
{
	const char *metadata = member(entry, "metadata");
	json_t *own = NULL;

	if (metadata)
		json_read(metadata, strlen(metadata), 0, &own, NULL); /* without it the image is not known */
	set_from_names(json_object_get(entry, "names"), ret);
	set_text(ret->image, member(own, "image-name"));
	json_decref(own);
	return set_id(member(entry, "id"), ret);
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at) && *at)
		at++;
	return at;
}

/* The object that begins at *at, which then is behind it. Not 0 ends the reading. */
static int read_entry(const char **at, const char *end, entry_reader read, runtime_found found, void *data)
{
	size_t length = (size_t)(end - *at);
	struct container_info info = { .id = "" };
	json_error_t error;
	json_t *entry;
	bool has_id;
	int result;

	if (!length || **at != '{')
		return -EPROTO;
	result = json_read(*at, length < RUNTIME_ENTRY_MAX ? length : RUNTIME_ENTRY_MAX, JSON_DISABLE_EOF_CHECK, &entry, &error);
	if (result)
		return result;
	*at += error.position; /* with that flag: the bytes it took */
	has_id = read(entry, &info);
	json_decref(entry);
	return has_id ? found(&info, data) : 0;
}

static int parse_list(const char *text, size_t length, entry_reader read, runtime_found found, void *data)
{
	const char *end, *at;
	bool is_first = true;

	if (!length) /* then there may be no text at all */
		return -EPROTO;
	end = text + length;
	at = skip_space(text, end);
	if (at == end || *at++ != '[')
		return -EPROTO;
	for (;; is_first = false) {
		int error;

		at = skip_space(at, end);
		if (at < end && *at == ']')
			return skip_space(at + 1, end) == end ? 0 : -EPROTO;
		if (!is_first) {
			if (at == end || *at != ',')
				return -EPROTO;
			at = skip_space(at + 1, end);
		}
		error = read_entry(&at, end, read, found, data);
		if (error)
			return error;
	}
}

int runtime_parse_api(const char *text, size_t length, runtime_found found, void *data)
{
	return parse_list(text, length, read_api_entry, found, data);
}

int runtime_parse_storage(const char *text, size_t length, runtime_found found, void *data)
{
	return parse_list(text, length, read_storage_entry, found, data);
}

int runtime_parse_oci(const char *text, size_t length, struct container_info *ret)
{
	struct container_info info = { .id = "" };
	json_t *config = NULL;
	int result = length <= RUNTIME_ENTRY_MAX ? json_read(text, length, 0, &config, NULL) : -EPROTO;

	if (result)
		return result;
	if (!json_is_object(config)) {
		json_decref(config);
		return -EPROTO;
	}
	set_from_annotations(json_object_get(config, "annotations"), &info);
	json_decref(config);
	if (!info.name[0] && !info.pod[0])
		return -ENODATA;
	*ret = info;
	return 0;
}
