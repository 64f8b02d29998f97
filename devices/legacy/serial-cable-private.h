/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/legacy/serial-cable.h"

G_BEGIN_DECLS

/* Between the files of the cable. The device's lock is held, but in realize and unrealize. */

struct SerialCable {
  Device *device;
  const SerialCableEvents *events;
  SerialCableConfig config; /* path: @path */
  char *path;
  bool made_path; /* a link or socket that goes with the cable */

  int in_fd, out_fd; /* of who is connected; -1: none */
  bool closes;       /* ... and the cable's */
  LoopWatch *in_watch, *out_watch;
  bool wants_input, wants_room;

  int pty_fd;  /* PTY: the master */
  int door_fd; /* tells when somebody comes: PTY: an inotify; SOCKET: it listens */
  LoopWatch *door_watch;

  uint8_t *history; /* CONSOLE: CABLE_HISTORY bytes, once there was output */
  uint64_t written; /* bytes that have gone into it */
};

void serial_cable_connect (SerialCable *cable, int in_fd, int out_fd);
void serial_cable_disconnect (SerialCable *cable);
/* Whether whoever is connected has hung up. */
bool serial_cable_is_deserted (const SerialCable *cable);

/* serial-door.c: how somebody gets to the other end. */
bool serial_pty_open (SerialCable *cable, GError **error);
bool serial_socket_open (SerialCable *cable, GError **error);
/* Looks after a door that was opened by another cable. */
void serial_door_watch (SerialCable *cable);

/* serial-history.c: what a console last said. */
void serial_history_add (SerialCable *cable, const uint8_t *bytes, size_t size);
/* As much as @fd takes at once; without questions to the terminal, which would answer them again. */
void serial_history_replay (SerialCable *cable, int fd);

G_END_DECLS
