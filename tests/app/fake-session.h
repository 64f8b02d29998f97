/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"

/* A session without a machine: it does what it is told, at once, and remembers it. */
#define FAKE_TYPE_SESSION (fake_session_get_type ())
G_DECLARE_FINAL_TYPE (FakeSession, fake_session, FAKE, SESSION, GObject)

struct _FakeSession {
  GObject parent;

  char *uuid;
  BonsaiState state;
  BonsaiReason reason;
  char *message;
  int exit_status;
  bool console_open;
  int n_watchers, n_looks;
  GString *log;    /* a line for all that was asked */
  const char *usb; /* (nullable): what list_usb gives, as GVariant's text */
};

FakeSession *fake_session_new (void);
void fake_session_set_state (FakeSession *session, BonsaiState state, BonsaiReason reason,
                             const char *message);
