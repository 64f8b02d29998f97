/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/permissions.h"

#include "app/base/error.h"
#include "app/workspace/seal.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#define DAY_MINUTES      (24u * 60)
#define MAX_IDLE_MINUTES DAY_MINUTES

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };
/* USB class codes (usb.org) that people have devices of. */
static const char *const usb_names[] = { "audio",    "communications", "hid",        "image",
                                         "printer",  "mass-storage",   "smart-card", "video",
                                         "wireless", "vendor",         "any",
                                         NULL };
static const char *const forward_policy_names[] = { "any", "local", "none", NULL };
#define MAX_NAME 80u

void
permissions_init (Permissions *permissions)
{
  *permissions = (Permissions){
    .clipboard = CLIPBOARD_BOTH,
    .shared_folders = true,
    .screenshots = true,
    .export = true,
    .snapshots = true,
  };
}

void
permissions_clear (Permissions *permissions)
{
  g_clear_pointer (&permissions->networks, g_strfreev);
  g_clear_pointer (&permissions->usb, g_strfreev);
  g_clear_pointer (&permissions->days, g_strfreev);
}

/* --- reading --- */

static bool
read_names (const JsonSection *section, const char *name, const char *const *choices, GStrv *value)
{
  if (!json_read_strings (section, name, value))
    return false;
  for (char **at = *value; at != NULL && *at != NULL; at++)
    if (!g_strv_contains (choices, *at))
      {
        g_autofree char *all = g_strjoinv ("”, “", (char **)choices);

        return json_section_fail (section, name, "“%s” is unknown; it must be of “%s”", *at, all);
      }
  return true;
}

/* Which networks there are, the host says: it may get others. */
static bool
read_networks (const JsonSection *section, GStrv *value)
{
  if (!json_read_strings (section, "networks", value))
    return false;
  for (char **at = *value; at != NULL && *at != NULL; at++)
    if (**at == '\0' || strlen (*at) > MAX_NAME)
      return json_section_fail (section, "networks", "“%s” is no name of 1 to %u bytes", *at, MAX_NAME);
  return true;
}

static bool
read_minutes (const JsonSection *section, const char *name, unsigned *value)
{
  g_autofree char *text = NULL;
  unsigned hours, minutes;
  char end;

  if (!json_section_require (section, name) || !json_read_string (section, name, &text))
    return false;
  if (strlen (text) != 5 || sscanf (text, "%2u:%2u%c", &hours, &minutes, &end) != 2 || hours > 23
      || minutes > 59)
    return json_section_fail (section, name, "“%s” is no time of day; write it like 08:30", text);
  *value = hours * 60 + minutes;
  return true;
}

static bool
read_hours (const JsonSection *section, Permissions *permissions)
{
  static const char *const known[] = { "days", "from", "until", NULL };
  g_autofree char *pointer = g_strdup_printf ("%s/hours", section->pointer);
  JsonSection hours = { section->text, NULL, pointer, section->error };

  if (!json_read_object (section, "hours", &hours.object))
    return false;
  return hours.object == NULL
         || (seal_refuse_unknown (&hours, known) && read_names (&hours, "days", day_names, &permissions->days)
             && read_minutes (&hours, "from", &permissions->from)
             && read_minutes (&hours, "until", &permissions->until));
}

bool
permissions_read (const JsonSection *section, Permissions *permissions)
{
  static const char *const known[] = { "networks",    "usb",          "clipboard", "shared-folders",
                                       "screenshots", "export",       "snapshots", "disk-encryption",
                                       "hours",       "idle-suspend", "forwards", NULL };
  unsigned clipboard = CLIPBOARD_BOTH, forwards = FORWARDS_ANY;

  permissions_init (permissions);
  if (!seal_refuse_unknown (section, known) || !read_networks (section, &permissions->networks)
      || !read_names (section, "usb", usb_names, &permissions->usb)
      || !json_read_choice (section, "clipboard", clipboard_policy_names, &clipboard)
      || !json_read_choice (section, "forwards", forward_policy_names, &forwards)
      || !json_read_bool (section, "shared-folders", &permissions->shared_folders)
      || !json_read_bool (section, "screenshots", &permissions->screenshots)
      || !json_read_bool (section, "export", &permissions->export)
      || !json_read_bool (section, "snapshots", &permissions->snapshots)
      || !json_read_bool (section, "disk-encryption", &permissions->encryption)
      || !json_read_unsigned (section, "idle-suspend", &permissions->idle_suspend)
      || !read_hours (section, permissions))
    return false;
  permissions->clipboard = clipboard;
  permissions->forwards = forwards;
  return permissions->idle_suspend <= MAX_IDLE_MINUTES
         || json_section_fail (section, "idle-suspend", "must be 0 to %u minutes", MAX_IDLE_MINUTES);
}

/* --- writing --- */

static void
write_names (JsonObject *object, const char *name, GStrv names)
{
  JsonArray *array = json_array_new ();

  for (char **at = names; at != NULL && *at != NULL; at++)
    json_array_add_string_element (array, *at);
  if (names != NULL)
    json_object_set_array_member (object, name, array);
  else
    json_array_unref (array);
}

static void
write_minutes (JsonObject *object, const char *name, unsigned minutes)
{
  g_autofree char *text = g_strdup_printf ("%02u:%02u", minutes / 60, minutes % 60);

  json_object_set_string_member (object, name, text);
}

JsonObject *
permissions_write (const Permissions *permissions)
{
  JsonObject *object = json_object_new ();

  write_names (object, "networks", permissions->networks);
  write_names (object, "usb", permissions->usb);
  json_object_set_string_member (object, "clipboard", clipboard_policy_names[permissions->clipboard]);
  /* Programs that don't know it refuse terms that have it, and so keep to them. */
  if (permissions->forwards != FORWARDS_ANY)
    json_object_set_string_member (object, "forwards", forward_policy_names[permissions->forwards]);
  json_object_set_boolean_member (object, "shared-folders", permissions->shared_folders);
  json_object_set_boolean_member (object, "screenshots", permissions->screenshots);
  json_object_set_boolean_member (object, "export", permissions->export);
  json_object_set_boolean_member (object, "snapshots", permissions->snapshots);
  json_object_set_boolean_member (object, "disk-encryption", permissions->encryption);
  json_object_set_int_member (object, "idle-suspend", permissions->idle_suspend);
  if (permissions->days != NULL || permissions->from != permissions->until)
    {
      JsonObject *hours = json_object_new ();

      write_names (hours, "days", permissions->days);
      write_minutes (hours, "from", permissions->from);
      write_minutes (hours, "until", permissions->until);
      json_object_set_object_member (object, "hours", hours);
    }
  return object;
}

/* --- keeping to them --- */

/* Whether all directions of @policy are ones of @allowed. */
static bool
clipboard_fits (ClipboardPolicy policy, ClipboardPolicy allowed)
{
  return policy == allowed || policy == CLIPBOARD_OFF || allowed == CLIPBOARD_BOTH;
}

static bool
forward_fits (const NetForward *forward, ForwardPolicy allowed)
{
  return allowed == FORWARDS_ANY || (allowed == FORWARDS_LOCAL && forward->host >> 24 == NET_LOOPBACK >> 24);
}

static bool
check_forwards (const Permissions *permissions, const VmConfig *config, const VmNic *nic, GError **error)
{
  for (guint i = 0; i < nic->forwards->len; i++)
    {
      const NetForward *forward = &g_array_index (nic->forwards, NetForward, i);
      g_autofree char *text = net_forward_format (forward);

      if (forward_fits (forward, permissions->forwards))
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   permissions->forwards == FORWARDS_LOCAL
                     ? "The terms of “%s” allow only ports of this computer's own (127.0.0.1) to lead into it; “%s” (%s) "
                       "is open to others: remove it in its settings (bonsai forward)"
                     : "The terms of “%s” allow no port to lead into it; remove “%s” (%s) in its settings (bonsai "
                       "forward)",
                   config->name, text, nic->id);
      return false;
    }
  return true;
}

bool
permissions_check_config (const Permissions *permissions, const VmConfig *config, GError **error)
{
  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      if (!check_forwards (permissions, config, nic, error))
        return false;
      if (permissions->networks == NULL || g_strv_contains ((const char *const *)permissions->networks, nic->network))
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   "The terms of “%s” don't allow the network “%s” (%s); choose another in its settings",
                   config->name, nic->network, nic->id);
      return false;
    }
  if (!config->agents.desktop || clipboard_fits (config->agents.clipboard, permissions->clipboard))
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    "The terms of “%s” allow its clipboard “%s” only, and it is set to “%s”; change that in its settings",
    config->name, clipboard_policy_names[permissions->clipboard],
    clipboard_policy_names[config->agents.clipboard]);
  return false;
}

static bool
allows_class (const Permissions *permissions, uint8_t code)
{
  const char *name = usb_class_name (code);

  return name != NULL && g_strv_contains ((const char *const *)permissions->usb, name);
}

bool
permissions_check_usb (const Permissions *permissions, const HostUsb *usb, const char *machine, GError **error)
{
  g_autofree char *label = NULL;

  if (permissions->usb == NULL || g_strv_contains ((const char *const *)permissions->usb, "any"))
    return true;
  for (guint i = 0; i < usb->classes->len; i++)
    {
      uint8_t code = g_array_index (usb->classes, UsbClass, i).code;
      const char *name = usb_class_name (code);

      if (allows_class (permissions, code))
        continue;
      label = host_usb_label (usb);
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   _ ("The terms of “%s” don't allow it USB devices of the kind “%s”, as “%s” (port %s) is one"),
                   machine, name != NULL ? name : _ ("other"), label, usb->port);
      return false;
    }
  if (usb->classes->len > 0)
    return true;
  label = host_usb_label (usb);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               _ ("The terms of “%s” allow it USB devices of some kinds only, and “%s” (port %s) doesn't say what it is"),
               machine, label, usb->port);
  return false;
}

void
permissions_fit_config (const Permissions *permissions, VmConfig *config)
{
  const char *const *networks = (const char *const *)permissions->networks;

  if (!clipboard_fits (config->agents.clipboard, permissions->clipboard))
    config->agents.clipboard = permissions->clipboard;
  for (guint i = 0; i < config->nics->len; i++)
    {
      VmNic *nic = g_ptr_array_index (config->nics, i);

      if (networks != NULL && networks[0] != NULL && !g_strv_contains (networks, nic->network))
        vm_config_set (&nic->network, networks[0]);
      for (guint j = nic->forwards->len; j-- > 0;)
        if (!g_str_equal (nic->network, "nat")
            || !forward_fits (&g_array_index (nic->forwards, NetForward, j), permissions->forwards))
          g_array_remove_index (nic->forwards, j);
    }
}

bool
permissions_check_time (const Permissions *permissions, GDateTime *now, GError **error)
{
  unsigned minute = (unsigned)(g_date_time_get_hour (now) * 60 + g_date_time_get_minute (now));
  unsigned from = permissions->from, until = permissions->until;
  bool past_midnight = from > until && minute < until;
  /* The night belongs to the day on which it began. */
  unsigned day = (unsigned)(g_date_time_get_day_of_week (now) + 6 - past_midnight) % 7;
  bool in_hours =
    from == until || (from < until ? minute >= from && minute < until : minute >= from || past_midnight);

  if (in_hours
      && (permissions->days == NULL
          || g_strv_contains ((const char *const *)permissions->days, day_names[day])))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "By its terms it may not be used now, only %02u:%02u to %02u:%02u%s", from / 60, from % 60,
               until / 60, until % 60, permissions->days != NULL ? " on certain days" : "");
  return false;
}
