/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is connected. Their number is bounded, and so is the time that one may take: a thousand who say nothing keep nobody from
 * being answered, since who has been idle for longest goes when another comes. For the server's thread alone.
 */
#ifndef MEMGAP_HTTP_CLIENTS_H
#define MEMGAP_HTTP_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define CLIENT_PATIENCE_MS 10000 /* for a request, and for its answer: Prometheus waits no longer. An answer that is not taken is memory */

enum client_state { CLIENT_IDLE, CLIENT_BUSY, CLIENT_LISTENING };

struct client {
	int fd;
	enum client_state state;
	uint64_t since_ns; /* it has been in this state, CLOCK_MONOTONIC */
	bool dropped;
	TAILQ_ENTRY(client) link;
};

struct clients {
	TAILQ_HEAD(client_list, client) list; /* the longest in their state first */
	unsigned int most, n, n_listening; /* n: without those that were dropped */
	uint64_t patience_ns, dropped;
};

void clients_init(struct clients *clients, unsigned int most, unsigned int patience_ms);
/* Somebody has connected. NULL: out of memory. */
struct client *clients_add(struct clients *clients, int fd);
void clients_set(struct clients *clients, struct client *client, enum client_state state);
/* Ends the connection: the next thing that happens on it is its end. */
void clients_drop(struct clients *clients, struct client *client);
/* Drops who has taken too long. */
void clients_sweep(struct clients *clients);
/* It has gone, and is freed. */
void clients_remove(struct clients *clients, struct client *client);

#endif
