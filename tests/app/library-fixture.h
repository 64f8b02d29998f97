/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

/* An empty library in a folder of its own, for one test. */
typedef struct {
  char *scratch;
  BonsaiLibrary *library;
} LibraryFixture;

/* For g_test_add. Taking down waits for what is still under way in the library. */
void library_fixture_set_up (LibraryFixture *fixture, gconstpointer data);
void library_fixture_tear_down (LibraryFixture *fixture, gconstpointer data);
