/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/channel.h"
#include "vmm/loop/loop.h"

G_BEGIN_DECLS

/*
 * AgentLink: a channel to the guest as a socket, for those who don't live on the machine's loop. There is a
 * new one each time that a program in the guest opens its end; it is at its end when that closes it. Both
 * directions are bounded: who doesn't read makes the other side wait.
 *
 * Threading: agent_link_new and agent_link_free from any thread.
 */
typedef struct AgentLink AgentLink;

/* On the machine's loop. @fd: (transfer full): non-blocking. */
typedef void (*AgentLinkFunc) (int fd, void *data);

/* Returns: (transfer full): NULL with @error set if somebody else has the channel. */
AgentLink *agent_link_new (EventLoop *loop, Channel *channel, AgentLinkFunc connected, void *data,
                           GError **error);

/* Before the machine's end; @connected is not called after it. */
void agent_link_free (AgentLink *link);

G_END_DECLS
