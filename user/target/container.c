// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/container.h"

#include <string.h>

#define HEX_DIGITS "0123456789abcdef"
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A part of the path; not ended with NUL. */
struct part {
	const char *at;
	size_t length;
};

struct engine_name {
	const char *name;
	enum container_runtime runtime;
};

/* What stands before the id in the name of the cgroup itself. Not "libpod-conmon" and "crio-conmon". */
static const struct engine_name prefixes[] = {
	{ "docker", CONTAINER_RUNTIME_DOCKER },
	{ "libpod", CONTAINER_RUNTIME_PODMAN },
	{ "libpod-payload", CONTAINER_RUNTIME_PODMAN }, /* podman run --cgroups=split */
	{ "cri-containerd", CONTAINER_RUNTIME_CONTAINERD },
	{ "nerdctl", CONTAINER_RUNTIME_CONTAINERD },
	{ "crio", CONTAINER_RUNTIME_CRIO },
};

/* The cgroup in which one that is named by its id alone lies: Docker's default, and containerd's namespaces. */
static const struct engine_name parents[] = {
	{ "docker", CONTAINER_RUNTIME_DOCKER },
	{ "k8s.io", CONTAINER_RUNTIME_CONTAINERD },
	{ "default", CONTAINER_RUNTIME_CONTAINERD },
};

static bool part_is(struct part part, const char *text)
{
	return strlen(text) == part.length && !memcmp(part.at, text, part.length);
}

static struct part without_suffix(struct part part, const char *suffix)
{
	size_t length = strlen(suffix);

	if (part.length >= length && !memcmp(part.at + part.length - length, suffix, length))
		part.length -= length;
	return part;
}

static const struct engine_name *find_name(const struct engine_name *names, size_t n, struct part part)
{
	for (size_t i = 0; i < n; i++)
		if (part_is(part, names[i].name))
			return &names[i];
	return NULL;
}

static bool is_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!text[i] || !strchr(HEX_DIGITS, text[i]))
			return false;
	return true;
}

bool container_id_is(const char *text, size_t length)
{
	return length == CONTAINER_ID_LENGTH && is_hex(text, length);
}

/* The uid of an ordinary pod is a UUID (RFC 9562); of a static pod the kubelet makes 32 digits from its file. */
static bool is_uuid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? text[i] != '-' && text[i] != '_' : !is_hex(&text[i], 1))
			return false;
	}
	return true;
}

/* "podUID", "kubepods-burstable-podU_I_D.slice": in the name of a slice a dash would make a level, so it is '_'. */
static void parse_pod(struct part part, char ret_uid[POD_UID_MAX])
{
	static const size_t lengths[] = { 36, 32 };

	part = without_suffix(part, ".slice");
	for (size_t i = 0; i < 2; i++) {
		size_t length = lengths[i];
		const char *uid;

		if (part.length < length + 3)
			continue;
		uid = part.at + part.length - length;
		if (memcmp(uid - 3, "pod", 3) || (part.length > length + 3 && uid[-4] != '-') ||
		    !(i ? is_hex(uid, length) : is_uuid(uid)))
			continue;
		for (size_t j = 0; j < length; j++)
			ret_uid[j] = uid[j];
		ret_uid[length] = '\0';
		for (char *at = ret_uid; (at = strchr(at, '_'));)
			*at = '-';
		return;
	}
}

/* The part without what a colon follows last: of "a.slice:engine", "engine". Before it, "a.slice" is given. */
static struct part after_colon(struct part part, struct part *ret_before)
{
	const char *colon = memrchr(part.at, ':', part.length);

	if (!colon)
		return part;
	*ret_before = (struct part){ part.at, (size_t)(colon - part.at) };
	return (struct part){ colon + 1, part.length - ret_before->length - 1 };
}

/* The engine of a cgroup that is named so and lies in parent, or NULL; *ret_parent: what tells of a pod. */
static const struct engine_name *find_engine(struct part before_id, struct part parent, struct part *ret_parent)
{
	struct part prefix = { before_id.at, before_id.length - 1 };

	*ret_parent = parent;
	if (before_id.at[prefix.length] == ':')
		prefix = after_colon(prefix, ret_parent);
	else if (before_id.at[prefix.length] != '-')
		return NULL;
	return find_name(prefixes, COUNT_OF(prefixes), prefix);
}

/* One cgroup's name, and that of the one above it. */
static bool parse_name(struct part name, struct part parent, struct container_ref *ret)
{
	struct part scope = without_suffix(name, ".scope");
	const struct engine_name *engine;
	size_t before;

	if (scope.length < CONTAINER_ID_LENGTH)
		return false;
	before = scope.length - CONTAINER_ID_LENGTH;
	if (!container_id_is(scope.at + before, CONTAINER_ID_LENGTH) || (!before && scope.length != name.length))
		return false;
	engine = before ? find_engine((struct part){ scope.at, before }, parent, &parent) :
			  find_name(parents, COUNT_OF(parents), parent);
	if (before && !engine)
		return false;
	*ret = (struct container_ref){ .runtime = engine ? engine->runtime : CONTAINER_RUNTIME_UNKNOWN };
	memcpy(ret->id, scope.at + before, CONTAINER_ID_LENGTH);
	parse_pod(parent, ret->pod_uid);
	return true;
}

/* The last name of what is left of the path, which is shortened by it and its slash. */
static struct part pop_name(const char *path, size_t *length)
{
	const char *slash = memrchr(path, '/', *length);
	size_t start = slash ? (size_t)(slash - path) + 1 : 0;
	struct part name = { path + start, *length - start };

	*length = slash ? (size_t)(slash - path) : 0;
	return name;
}

bool container_parse(const char *path, struct container_ref *ret)
{
	size_t length = strlen(path);

	if (path[0] != '/')
		return false;
	while (length) {
		size_t end = length, above;
		struct part name = pop_name(path, &length);

		above = length;
		if (parse_name(name, pop_name(path, &above), ret)) {
			ret->path_length = end;
			return true;
		}
	}
	return false;
}
