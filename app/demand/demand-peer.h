/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Between who listens at the ports of machines that are off (demand.h) and who runs one: the sockets
 * themselves are handed over, with who waits there. The socket is $XDG_RUNTIME_DIR/bonsai/demand, of packets
 * (unix(7), SOCK_SEQPACKET): a UUID is asked for; the answer is a line "NIC FORWARD" for each descriptor that
 * comes with it. The connection stands for the run: when it closes that is over.
 */

#define DEMAND_MAX_PORTS 64u /* of one machine */

typedef struct {
  char *nic;
  NetForward forward;
  int fd; /* its own; -1: taken out */
} DemandPort;

DemandPort *demand_port_new (const char *nic, const NetForward *forward, int fd);
void demand_port_free (DemandPort *port);

/* (transfer full) */
char *demand_peer_path (void);

/* --- who listens --- */

/* Binds the socket; BONSAI_ERROR_BUSY: another process has. @lock: (out): a descriptor that keeps others
 * away. */
GSocket *demand_peer_listen (int *lock, GError **error);
/* The UUID that is asked for, or NULL: nonsense, or the end. (transfer full) */
char *demand_peer_read (GSocket *peer);
/* @ports: (element-type DemandPort). Without blocking. */
bool demand_peer_answer (GSocket *peer, GPtrArray *ports);

/* --- who runs the machine --- */

/* Asks for the ports of the machine @uuid; blocks, for some seconds at most. @run: (out): to be let go of
 * when the run is over. Returns: (element-type DemandPort) (transfer full): none if nobody listens. */
GPtrArray *demand_peer_ask (const char *uuid, GSocket **run);

G_END_DECLS
