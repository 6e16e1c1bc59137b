// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int bad(const char *text, struct error *err)
{
	return error_set(err, EXIT_USAGE, "'%s' is no address to listen at: 127.0.0.1:9435, [::1]:9435, or :9435 for all of this host's", text);
}

/* -1: it is none. Port 0 is one here. */
static int parse_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	long port = digits && digits <= 5 && !text[digits] ? strtol(text, NULL, 10) : -1;

	return port <= UINT16_MAX ? (int)port : -1;
}

static void set_ipv4(struct address *address, struct in_addr at, in_port_t port)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address->socket;

	*ipv4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = at, .sin_port = port };
	address->length = sizeof(*ipv4);
}

static void set_ipv6(struct address *address, const struct in6_addr *at, in_port_t port)
{
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address->socket;

	*ipv6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = *at, .sin6_port = port };
	address->length = sizeof(*ipv6);
}

int address_parse(const char *text, struct address *ret, struct error *err)
{
	const char *colon = strrchr(text, ':');
	int port = colon ? parse_port(colon + 1) : -1;
	struct address address = { .any = colon == text };
	char host[INET6_ADDRSTRLEN + 2];
	struct in6_addr ipv6;
	struct in_addr ipv4;
	size_t length;

	if (port < 0 || (size_t)(colon - text) >= sizeof(host))
		return bad(text, err);
	length = (size_t)(colon - text);
	memcpy(host, text, length);
	host[length] = '\0';
	if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &ipv6) != 1)
			return bad(text, err);
		set_ipv6(&address, &ipv6, htons((uint16_t)port));
	} else if (address.any) {
		set_ipv6(&address, &in6addr_any, htons((uint16_t)port));
	} else if (inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &ipv4) == 1) {
		set_ipv4(&address, ipv4, htons((uint16_t)port));
	} else {
		return bad(text, err);
	}
	*ret = address;
	return 0;
}

bool address_is_private(const struct address *address)
{
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->socket;
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->socket;

	if (address->socket.ss_family == AF_INET)
		return ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr))
		return ipv6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

static int bind_to(const struct address *address)
{
	int one = 1, only_ipv6 = !address->any, saved;
	int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* a memgap that has just ended does not keep the port for a minute */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->socket.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof(only_ipv6));
	if (!bind(fd, (const struct sockaddr *)&address->socket, address->length) && !listen(fd, SOMAXCONN))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static const char *remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return ": somebody listens there already; name another with --listen";
	case EADDRNOTAVAIL:
		return ": this host has no such address";
	case EACCES:
		return ": a port below 1024 needs CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

int address_listen(const struct address *address, const char *text, struct error *err)
{
	struct address ipv4 = *address;
	int fd = bind_to(address);

	/* a host without IPv6 */
	if (fd < 0 && address->any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		set_ipv4(&ipv4, (struct in_addr){ INADDR_ANY }, ((const struct sockaddr_in6 *)&address->socket)->sin6_port);
		fd = bind_to(&ipv4);
	}
	if (fd < 0)
		return error_set(err, EXIT_FAILED, "cannot listen at %s: %s%s", text, strerror(errno), remedy(errno));
	return fd;
}

void address_of(int fd, char ret_text[ADDRESS_TEXT_MAX])
{
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} at = { 0 };
	socklen_t length = sizeof(at);
	char host[INET6_ADDRSTRLEN] = "?";

	getsockname(fd, &at.any, &length);
	if (at.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &at.ipv4.sin_addr, host, sizeof(host));
		snprintf(ret_text, ADDRESS_TEXT_MAX, "%s:%d", host, ntohs(at.ipv4.sin_port));
	} else {
		inet_ntop(AF_INET6, &at.ipv6.sin6_addr, host, sizeof(host));
		snprintf(ret_text, ADDRESS_TEXT_MAX, "[%s]:%d", host, ntohs(at.ipv6.sin6_port));
	}
}
