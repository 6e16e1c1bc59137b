/* SPDX-License-Identifier: GPL-2.0-only */
/* The last messages: of trims, and what else is to be told. Any thread may add one. */
#ifndef MEMGAP_SCREEN_MESSAGES_H
#define MEMGAP_SCREEN_MESSAGES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MESSAGES_KEPT 200
#define MESSAGE_MAX 512

struct message {
	uint64_t number; /* from 1 on */
	time_t when;
	char text[MESSAGE_MAX]; /* printable, one line */
};

struct messages {
	pthread_mutex_t mutex;
	struct message *ring; /* MESSAGES_KEPT of them */
	uint64_t n;           /* so far */
};

/* 0 or -ENOMEM. */
int messages_open(struct messages *messages);
void messages_close(struct messages *messages);

/* What comes after a newline is left out. */
void messages_add(struct messages *messages, time_t when, const char *text);

/* How many there are, MESSAGES_KEPT at most. */
size_t messages_count(struct messages *messages);
/* The last one is 0. Its number; 0: there is no such message. */
uint64_t messages_get(struct messages *messages, size_t back, struct message *ret);

#endif
