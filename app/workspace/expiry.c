/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/terms-private.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

const char *const expiry_kind_names[] = { "never", "date", "start", "use", NULL };
const char *const afterwards_names[] = { "archive", "destroy", NULL };

bool
terms_read_time (const JsonSection *section, const char *name, int64_t *value)
{
  uint64_t count = 0;

  if (!json_section_require (section, name) || !json_read_count (section, name, &count))
    return false;
  *value = (int64_t)count;
  return count <= TERMS_MAX_DATE || json_section_fail (section, name, "is later than the year 9999");
}

bool
terms_require_string (const JsonSection *section, const char *name, char **value)
{
  return json_section_require (section, name) && json_read_string (section, name, value);
}

bool
expiry_check (const Expiry *expiry, GError **error)
{
  int64_t last = expiry->kind == EXPIRY_NEVER  ? 0
                 : expiry->kind == EXPIRY_DATE ? TERMS_MAX_DATE
                                               : TERMS_MAX_SECONDS;

  if (expiry->at >= 0 && expiry->at <= last)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               "The expiry is out of range: a date before the year 10000, or at most 100 years");
  return false;
}

bool
expiry_read (const JsonSection *section, Expiry *expiry)
{
  static const char *const known[] = { "kind", "at", NULL };
  JsonSection inner = { section->text, NULL, "/expiry", section->error };
  g_autoptr (GError) error = NULL;
  unsigned kind = 0;

  if (!json_section_require (section, "expiry") || !json_read_object (section, "expiry", &inner.object)
      || !seal_refuse_unknown (&inner, known) || !json_section_require (&inner, "kind")
      || !json_read_choice (&inner, "kind", expiry_kind_names, &kind)
      || !terms_read_time (&inner, "at", &expiry->at))
    return false;
  expiry->kind = kind;
  return expiry_check (expiry, &error) || json_section_fail (&inner, "at", "%s", error->message);
}

void
expiry_write (JsonObject *object, const Expiry *expiry)
{
  JsonObject *inner = json_object_new ();

  json_object_set_string_member (inner, "kind", expiry_kind_names[expiry->kind]);
  json_object_set_int_member (inner, "at", expiry->at);
  json_object_set_object_member (object, "expiry", inner);
}
