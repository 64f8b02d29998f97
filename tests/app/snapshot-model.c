/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/app/snapshot-model.h"

#include "app/bundle/bundle.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"

#include <string.h>

#define BLOCK     (64u * 1024)
#define DISK_SIZE (MODEL_BLOCKS * BLOCK)

static void
node_free (ModelNode *node)
{
  g_free (node->id);
  g_free (node->name);
  g_free (node->parent);
  g_free (node);
}

Model *
model_new (const char *folder, uint32_t seed)
{
  g_autoptr (VmConfig) config = vm_config_new ("Model");
  g_autoptr (GError) error = NULL;
  Model *model = g_new0 (Model, 1);
  VmDisk *disk;

  vm_config_add_disk (config, "disks/disk0.img", DISK_SIZE);
  disk = vm_config_add_disk (config, "disks/disk1.qcow2", DISK_SIZE);
  vm_config_set (&disk->options.format, "qcow2");
  vm_config_add_cdrom (config, NULL);
  model->bundle = bundle_create (folder, config, &error);
  g_assert_no_error (error);
  model->random = g_rand_new_with_seed (seed);
  model->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)node_free);
  return model;
}

void
model_free (Model *model)
{
  g_free (model->bundle);
  g_free (model->current);
  g_rand_free (model->random);
  g_ptr_array_unref (model->nodes);
  g_free (model);
}

/* --- disks --- */

static Image *
open_disk (EventLoop *loop, const char *bundle, const char *path, const char *format, bool read_only)
{
  g_autofree char *full = g_canonicalize_filename (path, bundle);
  const ImageOptions options = { .format = format, .read_only = read_only, .exclusive_lock = !read_only };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (loop, full, &options, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (image_size (image), ==, DISK_SIZE);
  return image;
}

void
model_read (const char *bundle, const SnapshotNode *node, ModelContent *content)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = bundle_load (bundle, &error);
  g_autoptr (EventLoop) loop = loop_new ("model", &error);
  g_autofree uint8_t *data = g_malloc (DISK_SIZE);

  g_assert_no_error (error);
  for (unsigned i = 0; i < MODEL_DISKS; i++)
    {
      g_autofree char *id = g_strdup_printf ("disk%u", i);
      const SnapshotDisk *then = node != NULL ? snapshot_node_find_disk (node, id) : NULL;
      const VmDisk *now = vm_config_find_disk (config, id);
      g_autoptr (Image) image = open_disk (loop, bundle, then != NULL ? then->layer : now->path,
                                           then != NULL ? then->format : now->options.format, true);

      g_assert_true (node == NULL || then != NULL);
      g_assert_cmpint (image_run (image, IMAGE_READ, 0, data, DISK_SIZE), ==, 0);
      for (unsigned b = 0; b < MODEL_BLOCKS; b++)
        {
          memcpy (&content->block[i][b], data + b * BLOCK, sizeof (uint32_t));
          g_assert_cmpmem (data + b * BLOCK, 4, data + (b + 1) * BLOCK - 4, 4);
        }
    }
}

bool
model_write (const char *bundle, unsigned disk, unsigned block, uint32_t number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = bundle_load (bundle, &error);
  g_autoptr (EventLoop) loop = loop_new ("model", &error);
  g_autofree char *id = g_strdup_printf ("disk%u", disk);
  const VmDisk *now = vm_config_find_disk (config, id);
  g_autoptr (Image) image = open_disk (loop, bundle, now->path, now->options.format, false);
  uint32_t data[BLOCK / 4];

  for (unsigned i = 0; i < G_N_ELEMENTS (data); i++)
    data[i] = number;
  return image_run (image, IMAGE_WRITE, (uint64_t)block * BLOCK, data, BLOCK) == 0
         && image_run (image, IMAGE_FLUSH, 0, NULL, 0) == 0;
}

/* --- checks --- */

static ModelNode *
find (Model *model, const char *id)
{
  for (guint i = 0; i < model->nodes->len; i++)
    {
      ModelNode *node = g_ptr_array_index (model->nodes, i);

      if (g_strcmp0 (node->id, id) == 0)
        return node;
    }
  return NULL;
}

void
model_check (Model *model)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (model->bundle, &error);
  ModelContent content;

  g_assert_no_error (error);
  g_assert_cmpuint (tree->nodes->len, ==, model->nodes->len);
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      const ModelNode *wanted = find (model, node->id);

      g_assert_cmpstr (node->trouble, ==, NULL);
      g_assert_nonnull (wanted);
      g_assert_cmpstr (node->name, ==, wanted->name);
      g_assert_cmpstr (node->parent != NULL ? node->parent->id : NULL, ==, wanted->parent);
      model_read (model->bundle, node, &content);
      g_assert_cmpmem (&content, sizeof content, &wanted->content, sizeof content);
    }
  g_assert_cmpstr (tree->current != NULL ? tree->current->id : NULL, ==, model->current);
  model_read (model->bundle, NULL, &content);
  g_assert_cmpmem (&content, sizeof content, &model->content, sizeof content);
}

void
model_check_sound (const char *bundle)
{
  const DoctorHow how = { .thorough = true };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) findings = doctor_examine (bundle, &how, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      g_error ("%s: %s: %s", bundle, finding->path, finding->message);
    }
}

/* --- steps --- */

static ModelNode *
any_node (Model *model)
{
  return model->nodes->len > 0
           ? g_ptr_array_index (model->nodes, g_rand_int_range (model->random, 0, model->nodes->len))
           : NULL;
}

/* False: it failed, which is allowed. @failure is looked at in here: arguments are evaluated in any order. */
static bool
went_well (Model *model, bool done, GError **failure)
{
  g_autoptr (GError) error = *failure;

  if (model->make_room == NULL)
    g_assert_no_error (error);
  g_assert_true (done || error != NULL);
  model->n_failures += !done;
  return done;
}

static ModelNode *
add_node (Model *model, const char *id, const char *name)
{
  ModelNode *node = g_new0 (ModelNode, 1);

  *node = (ModelNode){ .id = g_strdup (id),
                       .name = g_strdup (name),
                       .parent = g_strdup (model->current),
                       .content = model->content };
  g_ptr_array_add (model->nodes, node);
  vm_config_set (&model->current, id);
  return node;
}

static void
write_some (Model *model)
{
  for (int n = g_rand_int_range (model->random, 1, 6); n > 0; n--)
    {
      unsigned disk = g_rand_int_range (model->random, 0, MODEL_DISKS);
      unsigned block = g_rand_int_range (model->random, 0, MODEL_BLOCKS);
      uint32_t number = g_rand_int (model->random);

      while (!model_write (model->bundle, disk, block, number))
        {
          g_assert_nonnull (model->make_room);
          model->make_room (model->room_data);
        }
      model->content.block[disk][block] = number;
    }
}

static void
take (Model *model)
{
  g_autofree char *name = g_strdup_printf ("Node %u", model->n_names++);
  GError *error = NULL;
  g_autofree char *id = snapshot_take (model->bundle, &(SnapshotTake){ .name = name }, &error);

  if (went_well (model, id != NULL, &error))
    add_node (model, id, name);
}

static void
go_back (Model *model, bool take_first)
{
  const ModelNode *node = any_node (model);
  g_autofree char *id = NULL, *wanted = node != NULL ? g_strdup (node->id) : NULL;
  g_autofree char *name = g_strdup_printf ("Before %u", model->n_names++);
  const SnapshotTake what = { .name = name };
  GError *error = NULL;
  bool done;

  if (node == NULL)
    return;
  done = snapshot_restore (model->bundle, wanted, false, take_first ? &what : NULL, &id, &error);
  if (!went_well (model, done, &error))
    return;
  if (take_first)
    add_node (model, id, name);
  node = find (model, wanted);
  model->content = node->content;
  vm_config_set (&model->current, node->id);
}

static bool
stems_from (Model *model, const char *id, const char *before)
{
  for (const ModelNode *node = find (model, id); node != NULL; node = find (model, node->parent))
    if (g_strcmp0 (node->parent, before) == 0)
      return true;
  return false;
}

static void
forget_node (Model *model, const char *id)
{
  ModelNode *gone = find (model, id);

  for (guint i = 0; i < model->nodes->len; i++)
    {
      ModelNode *node = g_ptr_array_index (model->nodes, i);

      if (g_strcmp0 (node->parent, id) == 0)
        vm_config_set (&node->parent, gone->parent);
    }
  if (g_strcmp0 (model->current, id) == 0)
    vm_config_set (&model->current, gone->parent);
  g_ptr_array_remove (model->nodes, gone);
}

static void delete (Model *model, SnapshotDeleteHow how)
{
  const ModelNode *node = any_node (model);
  g_autofree char *id = node != NULL ? g_strdup (node->id) : NULL;
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  unsigned n;

  if (node == NULL)
    return;
  for (guint i = 0; i < model->nodes->len; i++)
    {
      const ModelNode *other = g_ptr_array_index (model->nodes, i);

      if (how == SNAPSHOT_DELETE_BEFORE
            ? stems_from (model, id, other->id)
            : g_str_equal (other->id, id)
                || (how == SNAPSHOT_DELETE_BELOW && stems_from (model, other->id, id)))
        g_ptr_array_add (gone, g_strdup (other->id));
    }
  if (!went_well (model, snapshot_delete (model->bundle, id, how, &n, &error), &error))
    return;
  g_assert_cmpuint (n, ==, gone->len);
  for (guint i = 0; i < gone->len; i++)
    forget_node (model, g_ptr_array_index (gone, i));
}

static void
rename_one (Model *model)
{
  ModelNode *node = any_node (model);
  g_autofree char *name = g_strdup_printf ("Renamed %u", model->n_names++);
  GError *error = NULL;

  if (node != NULL
      && went_well (model, snapshot_rename (model->bundle, node->id, name, "A note", &error), &error))
    vm_config_set (&node->name, name);
}

static void
collect (Model *model)
{
  GError *error = NULL;

  went_well (model, snapshot_collect (model->bundle, false, NULL, &error), &error);
}

const char *
model_step (Model *model)
{
  switch (g_rand_int_range (model->random, 0, 20))
    {
    case 0 ... 4:
      write_some (model);
      return "write";
    case 5 ... 9:
      take (model);
      return "take";
    case 10 ... 12:
      go_back (model, false);
      return "go back";
    case 13:
      go_back (model, true);
      return "take, then go back";
    case 14 ... 15:
      delete (model, SNAPSHOT_DELETE_ONE);
      return "delete";
    case 16:
      delete (model, g_rand_boolean (model->random) ? SNAPSHOT_DELETE_BELOW : SNAPSHOT_DELETE_BEFORE);
      return "delete several";
    case 17:
      rename_one (model);
      return "rename";
    default:
      collect (model);
      return "collect";
    }
}
