/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

/*
 * Channel: a named stream of bytes between a program in the guest and its counterpart on the host, such as
 * an agent (a port of the virtio console, virtio 1.2, section 5.3). Nothing is stored on the way: what is not
 * read stays in the guest, who then waits, and what the guest has no room for is not taken.
 *
 * Threading: channel_open and channel_close from any thread that holds no device's lock; the other functions,
 * and all events, on the machine's loop, without a lock.
 */
typedef struct Channel Channel;

/* The names that guests' agents look for. */
#define CHANNEL_GUEST_AGENT   "org.qemu.guest_agent.0"
#define CHANNEL_DESKTOP_AGENT "com.redhat.spice.0"

/* What the guest did. None is NULL. */
typedef struct {
  /* A program in the guest opened its end: it can be written to. */
  void (*opened) (void *data);
  /* It closed it, or died, or the guest was reset. What it wrote before was `readable`; the rest is gone. */
  void (*closed) (void *data);
  /* There may be bytes: call channel_read. The next such event comes only after channel_read gave 0. */
  void (*readable) (void *data);
  /* There is room again after channel_write took less than it was given. */
  void (*writable) (void *data);
} ChannelEvents;

/**
 * channel_open:
 * @events: what is called from now on; must outlive channel_close
 *
 * Takes the host's end, and tells the guest that somebody is there. What the guest said before is lost; if
 * its end is open already, `opened` comes soon. Returns: false with VMM_ERROR_BUSY if somebody else has it.
 */
bool channel_open (Channel *channel, const ChannelEvents *events, void *data, GError **error);

/* Lets go of the host's end: no event comes after it, also when called in one. Before the machine's end. */
void channel_close (Channel *channel);

const char *channel_name (const Channel *channel);

/* Takes up to @size bytes of what the guest wrote. Returns: how many; 0 while there are none. */
size_t channel_read (Channel *channel, void *bytes, size_t size);

/* Returns: how many of the @size bytes the guest had room for: none unless it is open. */
size_t channel_write (Channel *channel, const void *bytes, size_t size);

G_END_DECLS
