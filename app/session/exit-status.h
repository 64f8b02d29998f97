/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the command line ends with; documented in bonsai(1). Odd values are the guest's own: the
 * debug-exit port gives (value << 1) | 1.
 */
typedef enum {
  EXIT_STATUS_OK = 0, /* done; the guest powered off, or its user did */
  EXIT_STATUS_USAGE = 2,
  EXIT_STATUS_ERROR = 4, /* the engine's, or the command could not be carried out */
  EXIT_STATUS_TRIPLE_FAULT = 6,
  EXIT_STATUS_GUEST_PANIC = 8,
  EXIT_STATUS_TIMEOUT = 10,
  EXIT_STATUS_WATCHDOG = 12,
} ExitStatus;
