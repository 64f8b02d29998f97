/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"
#include "tests/app/library-fixture.h"

/* Machines in this process whose guest is some bytes of code. Each call waits until it is done. */

/* @code: runs at 1 MiB + 32, in 32-bit protected mode (Multiboot). (transfer none) */
BonsaiVm *tiny_guest_create (LibraryFixture *fixture, const char *name, const guint8 *code, gsize length);
/* One that sleeps. (transfer none) */
BonsaiVm *tiny_guest_create_sleeper (LibraryFixture *fixture);

gboolean tiny_guest_start (BonsaiVm *vm, GError **error);
gboolean tiny_guest_control (BonsaiVm *vm, BonsaiControl what, unsigned timeout_ms, GError **error);

/* An asynchronous call's callback: @data is a GAsyncResult **, for wait_until. */
void tiny_guest_keep_result (GObject *source, GAsyncResult *result, gpointer data);
