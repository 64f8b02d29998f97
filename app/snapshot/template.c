/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/template.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"

#include <glib/gi18n.h>

bool
template_check_open (const VmConfig *config, GError **error)
{
  if (config->template_state != VM_TEMPLATE_SEALED)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               _ ("“%s” is a template: make a machine of it (bonsai template clone), or begin a new version "
                  "(bonsai template new-version)"),
               config->name);
  return false;
}

bool
template_check_change (const char *bundle, const VmConfig *wanted, GError **error)
{
  g_autoptr (VmConfig) now = bundle_load (bundle, NULL);
  g_autoptr (VmConfig) copy = wanted != NULL ? vm_config_copy (wanted) : NULL;
  g_autofree char *one = NULL, *other = NULL;

  if (now == NULL || now->template_state != VM_TEMPLATE_SEALED)
    return true;
  if (copy != NULL)
    {
      vm_config_set (&copy->name, now->name);
      vm_config_copy_labels (copy, now);
      one = vm_config_to_json (now);
      other = vm_config_to_json (copy);
      if (g_str_equal (one, other))
        return true;
    }
  return template_check_open (now, error);
}

/* --- versions --- */

static unsigned
newest_version (const SnapshotTree *tree)
{
  unsigned newest = 0;

  for (guint i = 0; i < tree->nodes->len; i++)
    newest = MAX (newest, ((const SnapshotNode *)g_ptr_array_index (tree->nodes, i))->template_version);
  return newest;
}

const SnapshotNode *
template_find_version (const SnapshotTree *tree, unsigned number, GError **error)
{
  unsigned wanted = number > 0 ? number : newest_version (tree);

  for (guint i = 0; i < tree->nodes->len && tree->template_state != VM_TEMPLATE_NONE && wanted > 0; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      if (node->template_version == wanted && node->trouble == NULL)
        return node;
    }
  if (tree->template_state == VM_TEMPLATE_NONE)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 _ ("The machine is no template; make one of it first (bonsai template make)"));
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 _ ("The template has no version %u; see “bonsai template show”"), wanted);
  return NULL;
}

static bool
set_state (const char *bundle, VmTemplate state, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);

  if (config == NULL)
    return false;
  config->template_state = state;
  return bundle_save (bundle, config, error);
}

char *
template_seal (const char *bundle, const char *name, const char *note, unsigned *version, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  g_autofree char *usual = NULL;
  SnapshotTake take = { .name = name, .note = note };

  if (tree == NULL)
    return NULL;
  if (tree->disposable != NULL)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        _ ("The machine goes back to a snapshot at each power-off, which a template doesn't; change "
           "that first (bonsai snapshot disposable --off)"));
      return NULL;
    }
  take.template_version = newest_version (tree) + 1;
  usual = g_strdup_printf ("Version %u", take.template_version);
  if (name == NULL)
    take.name = usual;
  *version = take.template_version;
  return snapshot_take (bundle, &take, error);
}

bool
template_open (const char *bundle, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);

  return tree != NULL && template_find_version (tree, 0, error) != NULL
         && set_state (bundle, VM_TEMPLATE_OPEN, error);
}

bool
template_undo (const char *bundle, GError **error)
{
  return set_state (bundle, VM_TEMPLATE_NONE, error);
}

/* --- what was made of it --- */

static void
clone_free (TemplateClone *clone)
{
  g_free (clone->uuid);
  g_free (clone->path);
  g_free (clone->name);
  g_free (clone->node);
  g_free (clone);
}

GPtrArray *
template_list_clones (const char *bundle, GError **error)
{
  g_autoptr (GPtrArray) known = snapshot_clones_read (bundle, error);
  GPtrArray *clones;

  if (known == NULL)
    return NULL;
  clones = g_ptr_array_new_with_free_func ((GDestroyNotify)clone_free);
  for (guint i = 0; i < known->len; i++)
    {
      const SnapshotClone *entry = g_ptr_array_index (known, i);
      g_autoptr (VmConfig) config = bundle_load (entry->path, NULL);
      bool is_it = config != NULL && g_ascii_strcasecmp (config->uuid, entry->uuid) == 0;
      TemplateClone *clone;

      /* One that has moved on; what it had before is being given back. */
      if (is_it && config->clone_snapshot != NULL && !g_str_equal (config->clone_snapshot, entry->node))
        continue;
      clone = g_new (TemplateClone, 1);
      *clone = (TemplateClone){ g_strdup (entry->uuid), g_strdup (entry->path),
                                is_it ? g_strdup (config->name) : NULL, g_strdup (entry->node) };
      g_ptr_array_add (clones, clone);
    }
  return clones;
}
