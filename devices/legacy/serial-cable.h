/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * SerialCable: what a serial port is connected to. Someone may be at the other end or not, and come and go:
 * what is sent to nobody is lost, as on a loose cable; who is there and doesn't read is waited for.
 *
 * Threading: with the device's lock held, but for serial_cable_new and serial_cable_free (realize,
 * unrealize).
 */
typedef struct SerialCable SerialCable;

typedef enum {
  CABLE_NONE,    /* nothing is plugged in */
  CABLE_FDS,     /* descriptors: a file, a pipe, the standard ones */
  CABLE_PTY,     /* a pseudoterminal, that anybody may open by its link */
  CABLE_SOCKET,  /* a Unix socket that one after the other may connect to */
  CABLE_CONSOLE, /* a descriptor that comes and goes (serial_cable_plug), and remembers the last output */
} SerialCableKind;

typedef struct {
  SerialCableKind kind;
  const char *path;  /* PTY: a symbolic link to make; SOCKET: where to listen */
  int out_fd, in_fd; /* FDS: -1 for none */
  bool close_fds;    /* ... the cable closes them */
  bool later;        /* PTY, SOCKET: the other end comes by serial_cable_take; nothing is made */
} SerialCableConfig;

/* Bytes may be read / may be written again: whoever watches is told, on the loop's thread. */
typedef struct {
  DeviceFunc input, room;
} SerialCableEvents;

#define CABLE_HISTORY 16384u /* bytes of output that a console remembers */

/* @device's cable. Makes link or socket. Returns: (transfer full): NULL with @error set, which names the
 * path. */
SerialCable *serial_cable_new (Device *device, const SerialCableEvents *events,
                               const SerialCableConfig *config, GError **error);
void serial_cable_free (SerialCable *cable);

/* Whether somebody may be at the other end. */
bool serial_cable_is_connected (const SerialCable *cable);

/* Takes up to @size bytes. Returns: how many there were. */
size_t serial_cable_read (SerialCable *cable, uint8_t *bytes, size_t size);

/* Returns: how many of the @size bytes are sent, or lost. */
size_t serial_cable_write (SerialCable *cable, const uint8_t *bytes, size_t size);

/* Whether the device wants to be told of input / of room. */
void serial_cable_watch_input (SerialCable *cable, bool watch);
void serial_cable_watch_room (SerialCable *cable, bool watch);

/**
 * serial_cable_plug:
 * @fd: (transfer full) on success: a socket
 * @force: whoever was there before has to go
 *
 * Connects a console; @fd first gets the last output. Returns: false with @error set: it is no console, or in
 * use.
 */
bool serial_cable_plug (SerialCable *cable, int fd, bool force, GError **error);

/* What a cable leads to, on its way from one device to another that takes its place: whoever is at the other
 * end notices nothing. */
typedef struct {
  int in_fd, out_fd, pty_fd, door_fd; /* -1: none */
  bool made_path;
  uint8_t *history;
  uint64_t written;
} SerialCableEnd;

/* The cable is loose afterwards. */
SerialCableEnd serial_cable_give (SerialCable *cable);
/* @end: (transfer full): given by a cable of the same kind and path. @cable leads nowhere yet. */
void serial_cable_take (SerialCable *cable, SerialCableEnd end);

G_END_DECLS
