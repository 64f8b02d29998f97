/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- reading --- */

/* Where a sparse extent has the text; false: it has none, or @error. */
static bool
find_embedded (Vmdk *vmdk, ImageStore *store, const uint8_t *header, GError **error)
{
  uint64_t at = load_le64 (header + VMDK_H_DESCRIPTOR), sectors = load_le64 (header + VMDK_H_DESCRIPTOR_SIZE);
  uint64_t size = store_size (store);

  if (at == 0)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "Disk image “%s” is one part of a disk in several files; open the file of the disk that lists its "
      "parts, which usually has the shortest name",
      store->path);
  else if (sectors == 0 || sectors > VMDK_DESCRIPTOR_MAX / VMDK_SECTOR || at > size / VMDK_SECTOR)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "Disk image “%s” is damaged or no VMDK: its header's descriptorOffset is %" G_GUINT64_FORMAT
                 " and its descriptorSize %" G_GUINT64_FORMAT " sectors; take it from a backup",
                 store->path, at, sectors);
  else
    {
      vmdk->embedded = true;
      vmdk->text_at = at * VMDK_SECTOR;
      vmdk->text_size = sectors * VMDK_SECTOR;
      return true;
    }
  return false;
}

static bool
find_text (Vmdk *vmdk, ImageStore *store, GError **error)
{
  uint8_t head[VMDK_H_SIZE];
  int result = store_read (store, 0, head, sizeof head);

  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read disk image “%s”", store->path);
  if (load_le32 (head + VMDK_H_MAGIC) == VMDK_MAGIC)
    return find_embedded (vmdk, store, head, error);
  if (memcmp (head, "COWD", 4) == 0)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "Disk image “%s” is an ESX server's delta disk (COWD), which can't be used by itself; export the "
        "machine there as OVF, and open the disk of that",
        store->path);
      return false;
    }
  if (store_size (store) > VMDK_DESCRIPTOR_MAX)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "Disk image “%s” has neither a VMDK header nor is it a descriptor, which has 1 MiB at most; choose "
        "its format, or another file",
        store->path);
      return false;
    }
  vmdk->text_size = store_size (store);
  return true;
}

bool
vmdk_load_descriptor (Vmdk *vmdk, ImageStore *store, GError **error)
{
  int result;

  if (!find_text (vmdk, store, error))
    return false;
  vmdk->text = g_malloc0 (vmdk->text_size + 1);
  result = store_read (store, vmdk->text_at, vmdk->text, vmdk->text_size);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read the descriptor of disk image “%s”", store->path);
  vmdk->descriptor = vmdk_descriptor_parse (vmdk->text, vmdk->text_size, store->path, error);
  return vmdk->descriptor != NULL;
}

/* --- writing --- */

/* How many sectors of [0, size) differ, and one of them. */
static unsigned
count_changes (const char *old, const char *new, uint64_t size, uint64_t *which)
{
  unsigned n = 0;

  for (uint64_t at = 0; at < size; at += VMDK_SECTOR)
    if (memcmp (old + at, new + at, MIN (VMDK_SECTOR, size - at)) != 0)
      {
        *which = at;
        n++;
      }
  return n;
}

static int
write_sector (Vmdk *vmdk, ImageStore *store, const char *text, uint64_t at)
{
  int error = store_write (store, vmdk->text_at + at, text + at, MIN (VMDK_SECTOR, vmdk->text_size - at));

  return error == 0 ? store_sync (store) : error;
}

static int
write_and_sync (ImageStore *store, uint64_t offset, const void *data, size_t size)
{
  int error = store_write (store, offset, data, size);

  return error == 0 ? store_sync (store) : error;
}

/* The header is one sector: it turns to a copy of the text while the text's own place is written. */
static int
write_by_copy (Vmdk *vmdk, VmdkSparse *sparse, const char *text)
{
  uint64_t sectors = vmdk->text_size / VMDK_SECTOR, copy = sparse->end;
  int error;

  if (sparse->store->fixed_size && (copy + sectors) * VMDK_SECTOR > store_size (sparse->store))
    return -ENOSPC;
  error = write_and_sync (sparse->store, copy * VMDK_SECTOR, text, vmdk->text_size);
  if (error < 0)
    return error;
  store_le64 (sparse->header + VMDK_H_DESCRIPTOR, copy);
  error = write_and_sync (sparse->store, 0, sparse->header, VMDK_H_SIZE);
  if (error == 0)
    error = write_and_sync (sparse->store, vmdk->text_at, text, vmdk->text_size);
  if (error == 0)
    {
      store_le64 (sparse->header + VMDK_H_DESCRIPTOR, vmdk->text_at / VMDK_SECTOR);
      error = write_and_sync (sparse->store, 0, sparse->header, VMDK_H_SIZE);
    }
  if (error < 0)
    { /* the copy is the text from now on */
      store_le64 (sparse->header + VMDK_H_DESCRIPTOR, copy);
      vmdk->text_at = copy * VMDK_SECTOR;
    }
  sparse->end = (copy + sectors + sparse->grain - 1) / sparse->grain * sparse->grain;
  for (uint64_t at = copy; error == 0 && at < sparse->end; at += sparse->grain)
    {
      VmdkHole hole = { at, false };

      g_array_append_val (sparse->holes, hole);
    }
  return error;
}

/* A separate file is replaced whole; the new one is locked before it gets its name. */
static int
replace_file (ImageLayer *layer, Vmdk *vmdk, const char *text)
{
  g_autofree char *real = realpath (layer->store->path, NULL);
  g_autofree char *temporary = g_strconcat (real, ".new", NULL), *folder = NULL;
  ImageStore *store;
  struct stat st;
  int error, fd;

  if (real == NULL || stat (real, &st) < 0)
    return -errno;
  store = store_create (temporary, NULL);
  if (store == NULL)
    return -EACCES;
  error = write_and_sync (store, 0, text, strlen (text));
  if (error == 0 && (chmod (temporary, st.st_mode & 07777) < 0 || rename (temporary, real) < 0))
    error = -errno;
  if (error < 0)
    {
      unlink (temporary);
      store_close (store);
      return error;
    }
  folder = g_path_get_dirname (real);
  fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    {
      fsync (fd);
      close (fd);
    }
  store_close (vmdk->descriptor_store);
  vmdk->descriptor_store = store;
  vmdk->text_size = strlen (text);
  return 0;
}

int
vmdk_store_descriptor (ImageLayer *layer)
{
  Vmdk *vmdk = layer->state;
  ImageStore *store = vmdk->descriptor_store != NULL ? vmdk->descriptor_store : layer->store;
  g_autofree char *text = vmdk_descriptor_text (vmdk->descriptor), *padded = NULL;
  uint64_t length = strlen (text), which = 0;
  unsigned n = 2;
  int error = 0;

  if (vmdk->embedded && length > vmdk->text_size)
    return -ENOSPC;
  padded = g_malloc0 (MAX (length, vmdk->text_size) + 1);
  memcpy (padded, text, length);
  if (vmdk->embedded || length == vmdk->text_size)
    n = count_changes (vmdk->text, padded, vmdk->text_size, &which);
  if (n == 1)
    error = write_sector (vmdk, store, padded, which);
  else if (n > 1 && vmdk->embedded)
    error = write_by_copy (vmdk, vmdk->extents[0].sparse, padded);
  else if (n > 1)
    error = replace_file (layer, vmdk, text);
  if (error < 0)
    return error;
  g_free (vmdk->text);
  vmdk->text = g_steal_pointer (&padded);
  return 0;
}

/* VDF, "The Descriptor File": a random number, not the one that says "no parent". */
static uint32_t
draw_cid (const VmdkDescriptor *descriptor)
{
  uint32_t old = vmdk_descriptor_cid (descriptor), cid;

  do
    cid = g_random_int ();
  while (cid == old || cid == VMDK_NO_PARENT || cid == VMDK_NO_PARENT - 1 || cid == 0);
  return cid;
}

void
vmdk_new_cid (VmdkDescriptor *descriptor)
{
  vmdk_descriptor_set_cid (descriptor, "CID", draw_cid (descriptor));
}

/* --- the parent --- */

bool
vmdk_parent_cid (const char *folder, const char *path, uint32_t *cid, GError **error)
{
  const StoreOptions options = { .read_only = true };
  g_autofree char *full = g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (folder, path, NULL);
  ImageStore *store = store_open (NULL, full, &options, error);
  Vmdk parent = { 0 };
  bool found;

  if (store == NULL)
    return false;
  found = vmdk_load_descriptor (&parent, store, error);
  if (found)
    *cid = vmdk_descriptor_cid (parent.descriptor);
  vmdk_descriptor_free (parent.descriptor);
  g_free (parent.text);
  store_close (store);
  return found;
}

static bool
refuse_parent (const ImageLayer *layer, const char *why, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "Disk image “%s” can't get this parent: %s",
               layer->store->path, why);
  return false;
}

/* Two files can't change at once: for the moment between, the disk knows both of the parent's CIDs. Only this
 * program looks at the second. */
#define NEXT_PARENT_CID "ddb.bonsaiNextParentCID"

bool
vmdk_expect_change (ImageLayer *layer, ImageLayer *below, GError **error)
{
  Vmdk *vmdk = layer->state, *parent = below->state;
  char text[16];
  int result;

  parent->next_cid = draw_cid (parent->descriptor);
  g_snprintf (text, sizeof text, "%08x", parent->next_cid);
  /* Perhaps the first change was expected before, and made. */
  vmdk_descriptor_set_cid (vmdk->descriptor, "parentCID", vmdk_descriptor_cid (parent->descriptor));
  vmdk_descriptor_set (vmdk->descriptor, NEXT_PARENT_CID, text, true);
  result = vmdk_store_descriptor (layer);
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't write the descriptor of disk image “%s”",
                                 layer->store->path);
}

bool
vmdk_expects (const Vmdk *vmdk, const Vmdk *parent)
{
  const char *next = vmdk_descriptor_get (vmdk->descriptor, NEXT_PARENT_CID);

  return next != NULL && g_ascii_strtoull (next, NULL, 16) == vmdk_descriptor_cid (parent->descriptor);
}

bool
vmdk_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error)
{
  Vmdk *vmdk = layer->state;
  g_autofree char *folder = g_path_get_dirname (layer->store->path);
  uint32_t cid = VMDK_NO_PARENT;
  char *kept;
  int result;

  if (path != NULL && g_ascii_strcasecmp (format != NULL ? format : "", "vmdk") != 0)
    return refuse_parent (layer, "that of a VMDK must be a VMDK; convert it", error);
  if (path != NULL && strpbrk (path, "\"\r\n") != NULL)
    return refuse_parent (layer, "its path has a quote or a line end; rename it", error);
  for (unsigned i = 0; i < vmdk->n_extents && path != NULL; i++)
    if (vmdk->extents[i].kind != VMDK_SPARSE)
      return refuse_parent (layer, "only sparse disks have one; convert this one to monolithicSparse", error);
  if (path != NULL && !vmdk_parent_cid (folder, path, &cid, error))
    return false;

  vmdk_descriptor_set_cid (vmdk->descriptor, "parentCID", cid);
  vmdk_descriptor_remove (vmdk->descriptor, NEXT_PARENT_CID);
  if (path != NULL)
    vmdk_descriptor_set (vmdk->descriptor, "parentFileNameHint", path, true);
  else
    vmdk_descriptor_remove (vmdk->descriptor, "parentFileNameHint");
  result = vmdk_store_descriptor (layer);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't write the descriptor of disk image “%s”",
                                layer->store->path);
  vmdk->has_parent = path != NULL;
  kept = g_strdup (path); /* it may be the layer's own */
  g_free (layer->backing_path);
  g_free (layer->backing_format);
  layer->backing_path = kept;
  layer->backing_format = kept != NULL ? g_strdup ("vmdk") : NULL;
  return true;
}
