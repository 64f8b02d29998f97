/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/lease-record.h"

#include "app/workspace/seal.h"

#define RECORD_VERSION 1

static void
set (JsonObject *object, const char *name, int64_t value)
{
  json_object_set_int_member (object, name, value);
}

char *
lease_record_write (const LeaseRecord *record, const KeyBytes key)
{
  g_autoptr (JsonObject) object = json_object_new ();

  set (object, "bonsai-lease", RECORD_VERSION);
  set (object, "sequence", (int64_t)record->sequence);
  json_object_set_string_member (object, "terms", record->terms);
  set (object, "renewals", record->renewals);
  json_object_set_string_member (object, "latest", record->latest);
  json_object_set_string_member (object, "stage", lease_stage_names[record->stage]);
  set (object, "trusted", record->time.trusted);
  set (object, "boottime", record->time.boottime);
  json_object_set_string_member (object, "boot-id", record->time.boot_id);
  set (object, "claim", record->time.claim);
  set (object, "claim-seen", record->time.claim_seen);
  set (object, "started", record->started);
  set (object, "used", record->used);
  json_object_set_boolean_member (object, "running", record->running);
  set (object, "warned", record->warned);
  set (object, "grace-seen", record->grace_seen);
  json_object_set_boolean_member (object, "grace-counts", record->grace_counts);
  return seal_authenticate (object, key);
}

/* --- reading --- */

static bool
get (const JsonSection *section, const char *name, int64_t *value)
{
  uint64_t count = 0;

  if (!json_section_require (section, name) || !json_read_count (section, name, &count))
    return false;
  *value = (int64_t)count;
  return true;
}

static bool
get_text (const JsonSection *section, const char *name, char *value, gsize size)
{
  g_autofree char *text = NULL;

  if (!json_section_require (section, name) || !json_read_string (section, name, &text))
    return false;
  return g_strlcpy (value, text, size) < size || json_section_fail (section, name, "is too long");
}

static bool
read_time (const JsonSection *section, TrustedTime *time)
{
  return get (section, "trusted", &time->trusted) && get (section, "boottime", &time->boottime)
         && get_text (section, "boot-id", time->boot_id, sizeof time->boot_id)
         && get (section, "claim", &time->claim) && get (section, "claim-seen", &time->claim_seen);
}

static bool
read_record (const JsonSection *section, LeaseRecord *record)
{
  int64_t version = 0, sequence = 0;
  unsigned stage = LEASE_NOT_STARTED;

  if (!get (section, "bonsai-lease", &version))
    return false;
  if (version != RECORD_VERSION)
    return json_section_fail (section, "bonsai-lease", "its version is not known; update Bonsai");
  if (!get (section, "sequence", &sequence)
      || !get_text (section, "terms", record->terms, sizeof record->terms)
      || !json_read_unsigned (section, "renewals", &record->renewals)
      || !get_text (section, "latest", record->latest, sizeof record->latest)
      || !json_read_choice (section, "stage", lease_stage_names, &stage)
      || !read_time (section, &record->time) || !get (section, "started", &record->started)
      || !get (section, "used", &record->used) || !json_read_bool (section, "running", &record->running)
      || !json_read_unsigned (section, "warned", &record->warned)
      || !get (section, "grace-seen", &record->grace_seen)
      || !json_read_bool (section, "grace-counts", &record->grace_counts))
    return false;
  record->sequence = (uint64_t)sequence;
  record->stage = stage;
  return true;
}

bool
lease_record_read (const char *text, gsize length, const char *file, const KeyBytes key, LeaseRecord *record,
                   GError **error)
{
  g_autoptr (JsonText) json = seal_open_authenticated (text, length, file, key, error);

  *record = (LeaseRecord){ 0 };
  return json != NULL
         && read_record (&(JsonSection){ json, json_node_get_object (json_text_root (json)), "", error },
                         record);
}
