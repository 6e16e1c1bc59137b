// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"

int messages_open(struct messages *messages)
{
	*messages = (struct messages){ .mutex = PTHREAD_MUTEX_INITIALIZER, .ring = calloc(MESSAGES_KEPT, sizeof(struct message)) };
	return messages->ring ? 0 : -ENOMEM;
}

void messages_close(struct messages *messages)
{
	free(messages->ring);
	messages->ring = NULL;
}

void messages_add(struct messages *messages, time_t when, const char *text)
{
	struct message *message;

	pthread_mutex_lock(&messages->mutex);
	message = &messages->ring[messages->n % MESSAGES_KEPT];
	message->number = ++messages->n;
	message->when = when;
	snprintf(message->text, sizeof(message->text), "%.*s", (int)strcspn(text, "\n"), text);
	text_make_printable(message->text);
	pthread_mutex_unlock(&messages->mutex);
}

size_t messages_count(struct messages *messages)
{
	uint64_t n;

	pthread_mutex_lock(&messages->mutex);
	n = messages->n < MESSAGES_KEPT ? messages->n : MESSAGES_KEPT;
	pthread_mutex_unlock(&messages->mutex);
	return (size_t)n;
}

uint64_t messages_get(struct messages *messages, size_t back, struct message *ret)
{
	uint64_t number = 0;

	pthread_mutex_lock(&messages->mutex);
	if (back < messages->n && back < MESSAGES_KEPT) {
		*ret = messages->ring[(messages->n - 1 - back) % MESSAGES_KEPT];
		number = ret->number;
	}
	pthread_mutex_unlock(&messages->mutex);
	return number;
}
