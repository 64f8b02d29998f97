/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/clone-hook.h"

#include "app/bundle/bundle.h"

#define TIMEOUT_S 600u

/* Its arguments are the command, then a card's address and its new one, and so on. The last that fails is
 * told. */
static const char script[] =
  "hook=$1 status=0\n"
  "shift\n"
  "while [ $# -ge 2 ]; do\n"
  "  for card in /sys/class/net/*; do\n"
  "    [ \"$(cat \"$card/address\")\" = \"$1\" ] || continue\n"
  "    ip link set dev \"${card##*/}\" address \"$2\" || status=$?\n"
  "  done\n"
  "  shift 2\n"
  "done\n"
  "if [ -x /etc/bonsai/clone-hook ]; then /etc/bonsai/clone-hook || status=$?; fi\n"
  "if [ -n \"$hook\" ]; then sh -c \"$hook\" || status=$?; fi\n"
  "exit $status\n";

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  g_variant_builder_add_value (builder,
                               g_variant_new_take_string (g_strdup_printf ("%s=%s", name, text ? text : "")));
}

GVariant *
clone_hook_arguments (const VmConfig *config)
{
  GVariantDict arguments;
  GVariantBuilder command, environment;

  if (config->clone_hook == NULL)
    return NULL;
  g_variant_builder_init (&command, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_builder_add (&command, "s", "/bin/sh");
  g_variant_builder_add (&command, "s", "-c");
  g_variant_builder_add (&command, "s", script);
  g_variant_builder_add (&command, "s", "clone-hook");
  g_variant_builder_add (&command, "s", config->clone_hook);
  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);

      if (nic->guest_mac == NULL)
        continue;
      g_variant_builder_add_value (&command,
                                   g_variant_new_take_string (g_ascii_strdown (nic->guest_mac, -1)));
      g_variant_builder_add (&command, "s", nic->mac);
    }
  g_variant_builder_init (&environment, G_VARIANT_TYPE_STRING_ARRAY);
  add_text (&environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  add_text (&environment, "BONSAI_NAME", config->name);
  add_text (&environment, "BONSAI_UUID", config->uuid);
  add_text (&environment, "BONSAI_ORIGIN", config->clone_of);
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert_value (&arguments, "command", g_variant_builder_end (&command));
  g_variant_dict_insert_value (&arguments, "environment", g_variant_builder_end (&environment));
  g_variant_dict_insert (&arguments, "timeout", "u", TIMEOUT_S);
  return g_variant_dict_end (&arguments);
}

bool
clone_hook_set_done (const char *bundle, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);

  if (config == NULL)
    return false;
  vm_config_set (&config->clone_hook, NULL);
  for (guint i = 0; i < config->nics->len; i++)
    vm_config_set (&((VmNic *)g_ptr_array_index (config->nics, i))->guest_mac, NULL);
  return bundle_save (bundle, config, error);
}
