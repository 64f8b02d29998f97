/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net-offload.h"

G_BEGIN_DECLS

/*
 * What the NAT remembers of TCP connections: the segment size that the guest asked for, where the NAT was
 * told of a larger one, so that few large segments pass through it and are cut as late as can be: by the
 * guest, as a rule. A table of fixed size: a connection that finds its place taken takes it, and the other
 * one's segments become as small as any network takes (RFC 9293, section 3.7.1).
 */
typedef struct NatFlows NatFlows;

NatFlows *nat_flows_new (void);
void nat_flows_free (NatFlows *flows);

/* A frame from the guest, complete. If it opens a connection, the segment size that it asks for becomes a
 * multiple of that, up to @largest. */
void nat_flows_enlarge (NatFlows *flows, uint8_t *frame, size_t size, unsigned largest);

/* The segment size that the guest asked for in the connection that a frame to it belongs to. */
unsigned nat_flows_segment_size (const NatFlows *flows, const uint8_t *frame, const NetLayout *layout);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NatFlows, nat_flows_free)

G_END_DECLS
