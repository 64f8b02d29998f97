/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/bundle.h"
#include "app/workspace/workspace.h"
#include "tests/app/scratch.h"

#define DAY INT64_C (86400)

/* A machine, and where its workspace's files are once it is one. */
typedef struct {
  char *scratch, *data, *bundle, *ledger, *folder;
  VmConfig *config;
  LeasePlace place;
} Fixture;

/* As g_test_add wants them. */
void fixture_set_up (Fixture *fixture, gconstpointer data);
void fixture_tear_down (Fixture *fixture, gconstpointer data);

int64_t fixture_now (void);
/* By the profile @name. */
bool fixture_issue_by (Fixture *fixture, const char *name, Expiry expiry, GError **error);
bool fixture_issue (Fixture *fixture, Expiry expiry, GError **error);
/* Whether it starts; if so it has ended again. */
bool fixture_may_start (Fixture *fixture, GError **error);
/* It doesn't, and the message has @why; what runs is to be suspended, and nothing else. */
void fixture_assert_locked (Fixture *fixture, const char *why);
/* The content of a file; NULL: there is none. (transfer full) */
char *fixture_slurp (const char *folder, const char *name);
