/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define NET_FORWARDS_MAX  32u         /* of one card */
#define NET_GUEST_DEFAULT 0x0a00020fu /* 10.0.2.15: what the NAT's DHCP gives */
#define NET_LOOPBACK      0x7f000001u

typedef enum {
  NET_PROTOCOL_TCP,
  NET_PROTOCOL_UDP,
} NetProtocol;

extern const char *const net_protocol_names[]; /* "tcp", "udp"; NULL ends */

/* A port of the host's behind which a port of the guest's is. Addresses are in the host's byte order. */
typedef struct {
  NetProtocol protocol;
  uint32_t host;       /* the address on which the host listens; 0: all of them */
  uint16_t host_port;  /* 0: any that is free */
  uint32_t guest;      /* an address in the NAT's network */
  uint16_t guest_port; /* never 0 */
} NetForward;

/* Whether one can't be there beside the other: they want the same port. */
bool net_forward_collides (const NetForward *forward, const NetForward *other);
bool net_forward_equal (const NetForward *forward, const NetForward *other);

/* "127.0.0.1" → address; false: it isn't one. */
bool net_address_parse (const char *text, uint32_t *address);
/* (transfer full) */
char *net_address_format (uint32_t address);
/* Whether @address may be a guest's in the NAT's network: not the gateway's, the name server's, or the
 * network's own. */
bool net_address_is_guests (uint32_t address);

/* "[tcp:|udp:][HOST:]HOST-PORT:[GUEST:]GUEST-PORT": "8080:80", "udp:0.0.0.0:5353:10.0.2.20:53". False with
 * @error (VMM_ERROR_INVALID) set. */
bool net_forward_parse (NetForward *forward, const char *text, GError **error);
/* The same, complete but for a guest's address that is the default: "tcp:127.0.0.1:8080:80". (transfer full)
 */
char *net_forward_format (const NetForward *forward);

/* (element-type NetForward) */
GArray *net_forwards_new (void);
GArray *net_forwards_copy (const GArray *forwards);
bool net_forwards_equal (const GArray *forwards, const GArray *others);
/* Refuses what isn't right about one of them, or about all together; @at: (nullable): which one. */
bool net_forwards_check (const GArray *forwards, unsigned *at, GError **error);

/**
 * net_forward_listen:
 *
 * Opens the host's end: a socket that listens, or takes datagrams, without blocking. If that can't be, @error
 * (VMM_ERROR_FAILED) says who has the port, as far as this user may know, and what to do.
 * Returns: the caller's, or -1.
 */
int net_forward_listen (const NetForward *forward, GError **error);

/* The port at which @fd listens; 0: none. */
uint16_t net_socket_port (int fd);

G_END_DECLS
