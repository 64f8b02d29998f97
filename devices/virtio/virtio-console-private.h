/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-console.h"
#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between the files of the console. The device's lock is held unless a function says otherwise. */

#define CONSOLE_MAX_PORTS (1u + VIRTIO_CONSOLE_MAX_CHANNELS)

/* Section 5.3.2; port N > 0 has queues 2 + 2 N and 3 + 2 N. */
enum {
  CONSOLE_QUEUE_IN = 0, /* port 0's, to the guest */
  CONSOLE_QUEUE_OUT = 1,
  CONSOLE_QUEUE_CONTROL_IN = 2,
  CONSOLE_QUEUE_CONTROL_OUT = 3,
};

/* Section 5.3.3. */
enum {
  CONSOLE_F_SIZE = 0,
  CONSOLE_F_MULTIPORT = 1,
  CONSOLE_F_EMERG_WRITE = 2,
};

/* What the guest is to be told of a port, as soon as it has a buffer for it. In this order. */
enum {
  CONSOLE_TELL_ADD = 1,
  CONSOLE_TELL_IS_CONSOLE = 2,
  CONSOLE_TELL_NAME = 4,
  CONSOLE_TELL_SIZE = 8,
  CONSOLE_TELL_ALL = 15,
};

typedef struct VirtioConsole VirtioConsole;

/* What the guest and the queues know of a port. */
typedef struct {
  uint8_t to_tell;
  bool ready;       /* the guest's driver has it */
  bool guest_open;  /* a program in the guest does */
  bool told_open;   /* the guest knows that somebody is at the host's end */
  uint32_t n_taken; /* bytes of the first chain to the host that are through */
} ConsolePort;

/* A channel's host end. */
struct Channel {
  VirtioConsole *console;
  unsigned port;
  char *name;
  const ChannelEvents *events; /* NULL: nobody is there */
  void *data;
  bool knows_open; /* what was told last */
  bool
    closing; /* the guest closed it, and maybe opened it again, which isn't looked at before this is told */
  bool readable, writable; /* to be told */
  bool wants_room;         /* something was not taken */
};

struct VirtioConsole {
  VirtioDevice virtio;
  SerialCable *cable;
  unsigned n_ports;
  uint16_t columns, rows;
  ConsolePort ports[CONSOLE_MAX_PORTS];
  Channel channels[CONSOLE_MAX_PORTS]; /* by port; 0 is unused */
  bool events_scheduled;
};

static inline Virtq *
console_in (VirtioConsole *console, unsigned port)
{
  return &console->virtio.queues[port == 0 ? CONSOLE_QUEUE_IN : 2 + 2 * port];
}

static inline Virtq *
console_out (VirtioConsole *console, unsigned port)
{
  return &console->virtio.queues[port == 0 ? CONSOLE_QUEUE_OUT : 3 + 2 * port];
}

/* --- virtio-console-control.c --- */

/* Serves what the guest says of ports. */
void console_hear_guest (VirtioConsole *console);
/* Says what is to be told, as far as there are buffers. */
void console_tell_guest (VirtioConsole *console);

/* --- virtio-console-channel.c --- */

/* The guest opened or closed a channel, or there are buffers from it, or for it. */
void console_channel_opened (VirtioConsole *console, unsigned port);
void console_channel_closed (VirtioConsole *console, unsigned port);
void console_channel_out (VirtioConsole *console, unsigned port);
void console_channel_in (VirtioConsole *console, unsigned port);
/* Everything may have changed: a reset, another state. */
void console_channels_changed (VirtioConsole *console);
/* Whether the guest's next words have to wait until somebody knows that it closed a channel. */
bool console_channel_is_closing (const VirtioConsole *console);

G_END_DECLS
