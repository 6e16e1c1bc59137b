// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/clients.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "user/base/fs.h"

void clients_init(struct clients *clients, unsigned int most, unsigned int patience_ms)
{
	*clients = (struct clients){ .most = most, .patience_ns = (patience_ms ? patience_ms : CLIENT_PATIENCE_MS) * 1000000ULL };
	TAILQ_INIT(&clients->list);
}

void clients_drop(struct clients *clients, struct client *client)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (client->dropped)
		return;
	/* what it has not taken does not go on lying in the kernel */
	if (client->state != CLIENT_IDLE)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client->dropped = true;
	clients->n--;
	clients->dropped++;
	shutdown(client->fd, SHUT_RDWR);
}

static struct client *longest(struct clients *clients, enum client_state state)
{
	struct client *client;

	TAILQ_FOREACH(client, &clients->list, link)
		if (client->state == state && !client->dropped)
			return client;
	return NULL;
}

/* Those who listen are never all of them. */
static void make_room(struct clients *clients)
{
	struct client *client = longest(clients, CLIENT_IDLE);

	if (!client)
		client = longest(clients, CLIENT_BUSY);
	if (client)
		clients_drop(clients, client);
}

struct client *clients_add(struct clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	if (clients->n >= clients->most)
		make_room(clients);
	client->fd = fd;
	client->since_ns = monotonic_ns();
	TAILQ_INSERT_TAIL(&clients->list, client, link);
	clients->n++;
	return client;
}

void clients_set(struct clients *clients, struct client *client, enum client_state state)
{
	clients->n_listening += state == CLIENT_LISTENING;
	clients->n_listening -= client->state == CLIENT_LISTENING;
	client->state = state;
	client->since_ns = monotonic_ns();
	TAILQ_REMOVE(&clients->list, client, link);
	TAILQ_INSERT_TAIL(&clients->list, client, link);
}

void clients_sweep(struct clients *clients)
{
	uint64_t now = monotonic_ns();
	struct client *client;

	TAILQ_FOREACH(client, &clients->list, link)
		if (client->state != CLIENT_LISTENING && now - client->since_ns > clients->patience_ns)
			clients_drop(clients, client);
}

void clients_remove(struct clients *clients, struct client *client)
{
	TAILQ_REMOVE(&clients->list, client, link);
	clients->n -= !client->dropped;
	clients->n_listening -= client->state == CLIENT_LISTENING;
	free(client);
}
