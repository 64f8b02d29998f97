/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/state.h"

#include <glib/gi18n.h>

G_DEFINE_ENUM_TYPE (BonsaiState, bonsai_state, G_DEFINE_ENUM_VALUE (BONSAI_STATE_STOPPED, "stopped"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_STARTING, "starting"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_RUNNING, "running"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_PAUSED, "paused"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_STOPPING, "stopping"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_CRASHED, "crashed"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_BROKEN, "broken"),
                    G_DEFINE_ENUM_VALUE (BONSAI_STATE_SUSPENDED, "suspended"))

G_DEFINE_ENUM_TYPE (BonsaiReason, bonsai_reason, G_DEFINE_ENUM_VALUE (BONSAI_REASON_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_USER, "user"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_IO_ERROR, "io-error"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_GUEST_OFF, "guest-off"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_GUEST_EXIT, "guest-exit"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_TRIPLE_FAULT, "triple-fault"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_GUEST_PANIC, "guest-panic"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_ENGINE_ERROR, "engine-error"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_WATCHDOG, "watchdog"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_HOST_LOST, "host-lost"),
                    G_DEFINE_ENUM_VALUE (BONSAI_REASON_GUEST_RESTARTED, "guest-restarted"))

static const char *
nick_for_value (GType type, int value)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (type);
  const GEnumValue *entry = g_enum_get_value (klass, value);

  return entry != NULL ? entry->value_nick : "unknown";
}

static int
value_for_nick (GType type, const char *nick, int fallback)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (type);
  const GEnumValue *entry = nick != NULL ? g_enum_get_value_by_nick (klass, nick) : NULL;

  return entry != NULL ? entry->value : fallback;
}

const char *
bonsai_state_name (BonsaiState state)
{
  return nick_for_value (BONSAI_TYPE_STATE, state);
}

const char *
bonsai_reason_name (BonsaiReason reason)
{
  return nick_for_value (BONSAI_TYPE_REASON, reason);
}

BonsaiState
bonsai_state_from_name (const char *name)
{
  return value_for_nick (BONSAI_TYPE_STATE, name, BONSAI_STATE_STOPPED);
}

BonsaiReason
bonsai_reason_from_name (const char *name)
{
  return value_for_nick (BONSAI_TYPE_REASON, name, BONSAI_REASON_NONE);
}

const char *
bonsai_state_label (BonsaiState state)
{
  static const char *const labels[] = {
    [BONSAI_STATE_STOPPED] = N_ ("Off"),
    [BONSAI_STATE_STARTING] = N_ ("Starting"),
    [BONSAI_STATE_RUNNING] = N_ ("Running"),
    [BONSAI_STATE_PAUSED] = N_ ("Paused"),
    [BONSAI_STATE_STOPPING] = N_ ("Shutting down"),
    [BONSAI_STATE_CRASHED] = N_ ("Crashed"),
    [BONSAI_STATE_BROKEN] = N_ ("Broken"),
    [BONSAI_STATE_SUSPENDED] = N_ ("Suspended"),
  };

  return _ ((unsigned)state < G_N_ELEMENTS (labels) ? labels[state] : N_ ("Unknown"));
}

gboolean
bonsai_state_is_alive (BonsaiState state)
{
  return state == BONSAI_STATE_STARTING || state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_PAUSED
         || state == BONSAI_STATE_STOPPING;
}
