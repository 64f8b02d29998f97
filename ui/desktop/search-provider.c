/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/desktop/search-provider.h"

#include "app/desktop/machine-icon.h"
#include "app/library/library-search.h"
#include "ui/desktop/desktop.h"
#include "ui/desktop/errand.h"

#include <string.h>

#define MAX_RESULTS 64

static const char interface_xml[] =
  "<node>"
  " <interface name='org.gnome.Shell.SearchProvider2'>"
  "  <method name='GetInitialResultSet'>"
  "   <arg type='as' name='terms' direction='in'/><arg type='as' name='results' direction='out'/>"
  "  </method>"
  "  <method name='GetSubsearchResultSet'>"
  "   <arg type='as' name='previous_results' direction='in'/><arg type='as' name='terms' direction='in'/>"
  "   <arg type='as' name='results' direction='out'/>"
  "  </method>"
  "  <method name='GetResultMetas'>"
  "   <arg type='as' name='identifiers' direction='in'/><arg type='aa{sv}' name='metas' direction='out'/>"
  "  </method>"
  "  <method name='ActivateResult'>"
  "   <arg type='s' name='identifier' direction='in'/><arg type='as' name='terms' direction='in'/>"
  "   <arg type='u' name='timestamp' direction='in'/>"
  "  </method>"
  "  <method name='LaunchSearch'>"
  "   <arg type='as' name='terms' direction='in'/><arg type='u' name='timestamp' direction='in'/>"
  "  </method>"
  " </interface>"
  "</node>";

/* Those that run come first. */
static int
compare (gconstpointer a, gconstpointer b)
{
  return library_compare (*(BonsaiVm *const *)a, *(BonsaiVm *const *)b, LIBRARY_SORT_STATE);
}

/* (transfer full): "(as)" */
static GVariant *
find (BonsaiLibrary *library, const char *const *terms)
{
  g_autofree char *text = g_strjoinv (" ", (char **)terms);
  g_autoptr (LibraryQuery) query = library_query_new (text);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_object_unref);
  GVariantBuilder results;

  for (guint i = 0; library && i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (bonsai_vm_get_uuid (vm) && !library_query_is_empty (query) && library_query_matches (query, vm))
        g_ptr_array_add (found, g_steal_pointer (&vm));
    }
  g_ptr_array_sort (found, compare);
  g_variant_builder_init (&results, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < found->len && i < MAX_RESULTS; i++)
    g_variant_builder_add (&results, "s", bonsai_vm_get_uuid (g_ptr_array_index (found, i)));
  return g_variant_new ("(as)", &results);
}

static void
add_meta (GVariantBuilder *metas, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autoptr (GIcon) icon = g_themed_icon_new (machine_icon_name (config ? config->os : NULL));
  g_autoptr (GVariant) picture = g_icon_serialize (icon);
  GVariantBuilder meta;

  g_variant_builder_init (&meta, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&meta, "{sv}", "id", g_variant_new_string (bonsai_vm_get_uuid (vm)));
  g_variant_builder_add (&meta, "{sv}", "name", g_variant_new_string (bonsai_vm_get_name (vm)));
  g_variant_builder_add (&meta, "{sv}", "description",
                         g_variant_new_string (bonsai_state_label (bonsai_vm_get_state (vm))));
  g_variant_builder_add (&meta, "{sv}", "icon", picture);
  g_variant_builder_add_value (metas, g_variant_builder_end (&meta));
}

static GVariant *
describe (BonsaiLibrary *library, const char *const *ids)
{
  GVariantBuilder metas;

  g_variant_builder_init (&metas, G_VARIANT_TYPE ("aa{sv}"));
  for (unsigned i = 0; library && ids[i] != NULL; i++)
    {
      BonsaiVm *vm = bonsai_library_find (library, ids[i]);

      if (vm && bonsai_vm_get_uuid (vm))
        add_meta (&metas, vm);
    }
  return g_variant_new ("(aa{sv})", &metas);
}

static void
on_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
         const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
  BonsaiApplication *application = data;
  g_autofree const char **words = NULL;
  GVariant *answer = NULL;

  if (g_str_equal (method, "GetInitialResultSet"))
    {
      g_variant_get (parameters, "(^a&s)", &words);
      answer = find (bonsai_application_get_library (application), words);
    }
  else if (g_str_equal (method, "GetSubsearchResultSet"))
    {
      g_variant_get (parameters, "(@as^a&s)", NULL, &words);
      answer = find (bonsai_application_get_library (application), words);
    }
  else if (g_str_equal (method, "GetResultMetas"))
    {
      g_variant_get (parameters, "(^a&s)", &words);
      answer = describe (bonsai_application_get_library (application), words);
    }
  else if (g_str_equal (method, "ActivateResult"))
    {
      const char *id;
      BonsaiVm *vm;

      g_variant_get (parameters, "(&s@asu)", &id, NULL, NULL);
      vm = errand_find (application, id);
      if (vm)
        errand_run (application, vm, ERRAND_START);
    }
  else
    desktop_ask_window (application, "win.search", NULL);
  g_dbus_method_invocation_return_value (invocation, answer);
}

guint
search_provider_register (BonsaiApplication *application, GDBusConnection *connection, GError **error)
{
  static const GDBusInterfaceVTable vtable = { .method_call = on_call };
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (interface_xml, error);

  return node ? g_dbus_connection_register_object (connection, SEARCH_PROVIDER_PATH, node->interfaces[0],
                                                   &vtable, application, NULL, error)
              : 0;
}
