/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of snapshots' memory. */
#include "app/snapshot/doctor-private.h"

#include "vmm/memory/memory-verify.h"

/* A memory file, and who takes pages from it or others. */
typedef struct {
  char *index;              /* path of its memory.index */
  const SnapshotNode *node; /* NULL: the suspended machine's */
  MemoryImage *image;       /* without hashes */
} Memory;

static void
memory_free (Memory *memory)
{
  g_free (memory->index);
  memory_image_free (memory->image);
  g_free (memory);
}

/* What can't be read was found by others. */
static void
add_memory (GPtrArray *memories, char *index, const SnapshotNode *node)
{
  g_autofree char *path = index;
  MemoryImage *image = g_file_test (path, G_FILE_TEST_EXISTS) ? memory_image_read (path, false, NULL) : NULL;
  Memory *memory;

  if (image == NULL)
    return;
  memory = g_new (Memory, 1);
  *memory = (Memory){ g_steal_pointer (&path), node, image };
  g_ptr_array_add (memories, memory);
}

static GPtrArray *
read_memories (const Patient *patient)
{
  GPtrArray *memories = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_free);
  const GPtrArray *lists[] = { patient->tree->nodes, patient->tree->tombstones };

  for (guint list = 0; list < G_N_ELEMENTS (lists); list++)
    for (guint i = 0; i < lists[list]->len; i++)
      {
        const SnapshotNode *node = g_ptr_array_index (lists[list], i);

        if (node->trouble == NULL)
          add_memory (memories, snapshot_tree_path (patient->tree, node, SNAPSHOT_INDEX_FILE), node);
      }
  if (!patient->running)
    add_memory (memories,
                g_build_filename (patient->tree->bundle, SNAPSHOT_SUSPENDED, SNAPSHOT_INDEX_FILE, NULL),
                NULL);
  return memories;
}

/* Of one file. */
typedef struct {
  Patient *patient;
  char *bank;
  uint64_t first, n; /* the first run */
  uint64_t n_pages;  /* in all */
} PageDamage;

static void
on_damage (const char *bank, uint64_t first, uint64_t n, void *data)
{
  PageDamage *damage = data;

  if (damage->n_pages == 0)
    {
      damage->bank = g_strdup (bank);
      damage->first = first;
      damage->n = n;
    }
  damage->n_pages += n;
}

static void
on_verified (uint64_t n_bytes, void *data)
{
  Patient *patient = ((PageDamage *)data)->patient;
  const ImageJob *job = patient->how->job;

  patient->verified += n_bytes;
  if (job != NULL && job->progress != NULL)
    job->progress (MIN (patient->verified, patient->to_verify), patient->to_verify, job->data);
}

/* @whose: who lacks those pages. */
static void
tell_damage (Patient *patient, const Memory *whose, const MemoryImage *file, const PageDamage *damage)
{
  g_autofree char *path = memory_image_source_path (file, 0);
  g_autofree char *pages =
    damage->n > 1 ? g_strdup_printf ("the pages %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                                     (guint64)damage->first, (guint64)(damage->first + damage->n - 1))
                  : g_strdup_printf ("the page %" G_GUINT64_FORMAT, (guint64)damage->first);
  g_autofree char *more =
    damage->n_pages > damage->n
      ? g_strdup_printf (", and %" G_GUINT64_FORMAT " more, have", (guint64)(damage->n_pages - damage->n))
      : g_strdup (damage->n > 1 ? " have" : " has");
  g_autofree char *remedy =
    whose->node != NULL
      ? g_strdup_printf ("delete the snapshot “%s”", whose->node->name)
      : g_strdup ("the machine can't go on; let it boot instead (bonsai start --discard-state)");

  doctor_find (patient, DOCTOR_BROKEN, whose->node != NULL ? whose->node->id : NULL, path,
               "%s of “%s”%s changed since: %s", pages, damage->bank, more, remedy);
}

/* Whether any page that @users (nullable: all) refer to has changed; tells it of @whose. */
static bool
verify_for (Patient *patient, const Memory *whose, const MemoryImage *file, const GPtrArray *users,
            bool first_time)
{
  const ImageJob *job = patient->how->job;
  PageDamage damage = { .patient = patient };
  const MemoryImageVerify how = { .cancellable = job != NULL ? job->cancellable : NULL,
                                  .progress = first_time ? on_verified : NULL,
                                  .damaged = on_damage,
                                  .data = &damage };
  g_autoptr (GError) error = NULL;

  if (!memory_image_verify (file, users != NULL ? (MemoryImage *const *)users->pdata : NULL,
                            users != NULL ? users->len : 0, &how, &error))
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        doctor_find (patient, DOCTOR_BROKEN, whose->node != NULL ? whose->node->id : NULL, whose->index, "%s",
                     error->message);
    }
  else if (damage.n_pages > 0 && !(whose->node != NULL && whose->node->deleted))
    tell_damage (patient, whose, file, &damage);
  g_free (damage.bank);
  return damage.n_pages > 0;
}

static void
verify_file (Patient *patient, const Memory *memory, const GPtrArray *memories)
{
  g_autoptr (MemoryImage) file = memory_image_read (memory->index, true, NULL);
  g_autoptr (GPtrArray) users = g_ptr_array_new (), takers = g_ptr_array_new ();
  bool is_deleted = memory->node != NULL && memory->node->deleted;

  for (guint i = 0; i < memories->len; i++)
    {
      Memory *other = g_ptr_array_index (memories, i);

      if (other == memory || (other->node != NULL && other->node->deleted)
          || !memory_image_needs (other->image, memory_image_id (memory->image)))
        continue;
      g_ptr_array_add (takers, other);
      g_ptr_array_add (users, other->image);
    }
  if (file == NULL || (is_deleted && users->len == 0)
      || !verify_for (patient, memory, file, is_deleted ? users : NULL, true))
    return;
  for (guint i = 0; i < takers->len && !doctor_is_cancelled (patient); i++)
    {
      const Memory *taker = g_ptr_array_index (takers, i);
      g_autoptr (GPtrArray) one = g_ptr_array_new ();

      g_ptr_array_add (one, taker->image);
      verify_for (patient, taker, file, one, false);
    }
}

void
doctor_look_at_pages (Patient *patient)
{
  g_autoptr (GPtrArray) memories = NULL;

  if (!patient->how->thorough)
    return;
  memories = read_memories (patient);
  for (guint i = 0; i < memories->len; i++)
    patient->to_verify +=
      memory_image_bytes_from (((const Memory *)g_ptr_array_index (memories, i))->image, 0);
  for (guint i = 0; i < memories->len && !doctor_is_cancelled (patient); i++)
    verify_file (patient, g_ptr_array_index (memories, i), memories);
}
