/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-sharing.h"

#include "app/base/error.h"

#include <glib/gi18n.h>
#include <string.h>

const char *const vm_role_names[] = { "none", "viewer", "operator", NULL };

/* Their lists in vm.json. */
static const char *const members[] = { "none", "viewers", "operators", NULL };

VmSharing *
vm_sharing_new (void)
{
  return g_atomic_rc_box_new0 (VmSharing);
}

VmSharing *
vm_sharing_ref (VmSharing *sharing)
{
  return g_atomic_rc_box_acquire (sharing);
}

static void
clear (gpointer data)
{
  for (guint role = 0; role < VM_N_ROLES; role++)
    g_strfreev (((VmSharing *)data)->users[role]);
}

void
vm_sharing_unref (VmSharing *sharing)
{
  g_atomic_rc_box_release_full (sharing, clear);
}

bool
vm_sharing_is_empty (const VmSharing *sharing)
{
  for (guint role = 0; role < VM_N_ROLES; role++)
    if (sharing->users[role] != NULL && sharing->users[role][0] != NULL)
      return false;
  return true;
}

static bool
same (GStrv a, GStrv b)
{
  static const char *const none[] = { NULL };

  return g_strv_equal (a != NULL ? (const char *const *)a : none, b != NULL ? (const char *const *)b : none);
}

bool
vm_sharing_equal (const VmSharing *a, const VmSharing *b)
{
  for (guint role = 0; role < VM_N_ROLES; role++)
    if (!same (a->users[role], b->users[role]))
      return false;
  return true;
}

/* --- names --- */

/* As useradd(8) takes them, and a little more. */
static bool
is_name (const char *name)
{
  gsize length;

  if (name[0] == '@')
    name++;
  length = strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@$");
  return length > 0 && length <= 256 && name[length] == '\0' && name[0] != '-' && name[0] != '@';
}

static GStrv
without (GStrv users, const char *user)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; users != NULL && users[i] != NULL; i++)
    if (!g_str_equal (users[i], user))
      g_strv_builder_add (builder, users[i]);
  return g_strv_builder_end (builder);
}

static GStrv
with (GStrv users, const char *user)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) others = without (users, user);

  g_strv_builder_addv (builder, (const char **)others);
  g_strv_builder_add (builder, user);
  return g_strv_builder_end (builder);
}

VmSharing *
vm_sharing_with (const VmSharing *sharing, const char *user, VmRole role, GError **error)
{
  VmSharing *changed;

  if (!is_name (user))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "“%s” is no user's name; a group's begins with “@”", user);
      return NULL;
    }
  if (role != VM_ROLE_NONE && sharing->users[role] != NULL
      && g_strv_length (sharing->users[role]) >= VM_SHARING_MAX)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "There are more than %d users; name a group (@GROUP)", VM_SHARING_MAX);
      return NULL;
    }
  changed = vm_sharing_new ();
  for (VmRole each = VM_ROLE_VIEWER; each < VM_N_ROLES; each++)
    changed->users[each] =
      each == role ? with (sharing->users[each], user) : without (sharing->users[each], user);
  return changed;
}

VmRole
vm_sharing_find (const VmSharing *sharing, const char *user, const char *const *groups)
{
  for (VmRole role = VM_N_ROLES - 1; role > VM_ROLE_NONE; role--)
    for (guint i = 0; sharing->users[role] != NULL && sharing->users[role][i] != NULL; i++)
      {
        const char *name = sharing->users[role][i];

        if (name[0] == '@' ? g_strv_contains (groups, name + 1) : g_str_equal (name, user))
          return role;
      }
  return VM_ROLE_NONE;
}

/* --- vm.json --- */

static bool
read_users (const JsonSection *section, VmRole role, VmSharing *sharing)
{
  GStrv *users = &sharing->users[role];

  if (!json_read_strings (section, members[role], users))
    return false;
  for (guint i = 0; *users != NULL && (*users)[i] != NULL; i++)
    if (!is_name ((*users)[i]))
      return json_section_fail (section, members[role],
                                _ ("“%s” is no user's name; a group's begins with “@”"), (*users)[i]);
  if (*users != NULL && g_strv_length (*users) > VM_SHARING_MAX)
    return json_section_fail (section, members[role], _ ("lists more than %d users; name a group (@GROUP)"),
                              VM_SHARING_MAX);
  return true;
}

bool
vm_sharing_read (const JsonSection *section, VmSharing **sharing)
{
  JsonSection inner = { section->text, NULL, "/sharing", section->error };
  g_autoptr (VmSharing) read = vm_sharing_new ();
  VmSharing *before = *sharing;

  if (!json_read_object (section, "sharing", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  if (!json_section_refuse_others (&inner, members + 1))
    return false;
  for (VmRole role = VM_ROLE_VIEWER; role < VM_N_ROLES; role++)
    if (!read_users (&inner, role, read))
      return false;
  *sharing = g_steal_pointer (&read);
  vm_sharing_unref (before);
  return true;
}

void
vm_sharing_write (JsonObject *machine, const VmSharing *sharing)
{
  JsonObject *object;

  if (json_object_has_member (machine, "sharing"))
    json_object_remove_member (machine, "sharing");
  if (vm_sharing_is_empty (sharing))
    return;
  object = json_object_new ();
  for (VmRole role = VM_ROLE_VIEWER; role < VM_N_ROLES; role++)
    {
      JsonArray *users = json_array_new ();

      for (guint i = 0; sharing->users[role] != NULL && sharing->users[role][i] != NULL; i++)
        json_array_add_string_element (users, sharing->users[role][i]);
      if (json_array_get_length (users) > 0)
        json_object_set_array_member (object, members[role], users);
      else
        json_array_unref (users);
    }
  json_object_set_object_member (machine, "sharing", object);
}
