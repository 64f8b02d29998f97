/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "devices/image/luks/luks.h"
#include "vmm/base/error.h"

#include <errno.h>

/*
 * Section "Data encryption": with method LUKS, clusters of data are encrypted sector by sector, and the
 * vector comes from the number of the sector in the file, not of the disk. Metadata is not encrypted.
 */
struct Qcow2Crypt {
  Luks *luks;
};

/* Key slots of 64-byte keys fill two megabytes; what claims much more wants our memory. */
#define HEADER_MAX (64u * 1024 * 1024)

static bool
header_is_sane (ImageLayer *layer, GError **error)
{
  const Qcow2 *q = QCOW2 (layer);
  uint64_t end = store_size (layer->store);

  if (q->crypt_offset != 0 && q->crypt_offset % q->cluster == 0 && q->crypt_length <= HEADER_MAX
      && q->crypt_offset <= end && q->crypt_length <= end - q->crypt_offset)
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "%s: the encryption header (%" G_GUINT64_FORMAT " bytes at 0x%" G_GINT64_MODIFIER
    "x) is missing, misaligned, too long, or outside of the file. Restore the image from a backup.",
    layer->store->path, q->crypt_length, q->crypt_offset);
  return false;
}

static bool
needs_passphrase (const ImageLayer *layer, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
               "%s is encrypted, and no passphrase was given. Give it with a file or at the prompt.",
               layer->store->path);
  return false;
}

/* A layer of the same disk, whose header was copied, has the key; or somebody has lent it. */
static bool
unlock_without_passphrase (Luks *luks, const ImageOptions *options)
{
  const ImageLayer *kin = options->kin;
  const Qcow2 *q = kin != NULL && kin->format == &image_qcow2 ? QCOW2 (kin) : NULL;

  return (q != NULL && q->crypt != NULL && luks_unlock_by (luks, q->crypt->luks))
         || (options->keys != NULL && luks_borrow_key (luks, options->keys));
}

static bool
open_luks (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  g_autoptr (Luks) luks = NULL;

  if (!header_is_sane (layer, error))
    return false;
  luks = luks_open (layer->store, q->crypt_offset, q->crypt_length, error);
  if (luks == NULL)
    return false;
  if (!unlock_without_passphrase (luks, options))
    {
      if (options->secret != NULL && !luks_unlock (luks, options->secret, options->keys, error))
        return false;
      if (options->secret == NULL && !layer->lenient && !options->locked)
        return needs_passphrase (layer, error);
    }
  q->crypt = g_new0 (Qcow2Crypt, 1);
  q->crypt->luks = g_steal_pointer (&luks);
  return true;
}

bool
qcow2_open_crypt (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  layer->encrypted = true;
  if (!layer->lenient || options->secret != NULL)
    return open_luks (layer, options, error);
  (void)open_luks (layer, options, NULL); /* check says what is wrong with the header */
  return true;
}

void
qcow2_close_crypt (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);

  if (q->crypt == NULL)
    return;
  luks_free (q->crypt->luks);
  g_clear_pointer (&q->crypt, g_free);
}

int
qcow2_crypt (ImageLayer *layer, uint64_t store_offset, uint8_t *data, size_t length, bool encrypt)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt == NULL || !luks_is_unlocked (q->crypt->luks))
    return -EACCES;
  luks_crypt (q->crypt->luks, store_offset / LUKS_SECTOR_SIZE, data, length, encrypt);
  return 0;
}

bool
qcow2_change_secret (ImageLayer *layer, const ImageSecret *old_secret, const ImageSecret *new_secret,
                     unsigned milliseconds, ImageKeys *keys, GError **error)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt == NULL || q->damage != NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "%s is damaged, so its passphrases can't be changed. Check and repair it first.",
                   layer->store->path);
      return false;
    }
  if (old_secret == NULL)
    return luks_add_secret (q->crypt->luks, new_secret, milliseconds, error);
  if (new_secret == NULL)
    return luks_remove_secret (q->crypt->luks, old_secret, keys, error);
  return luks_change_secret (q->crypt->luks, old_secret, new_secret, milliseconds, keys, error);
}

bool
qcow2_shred (ImageLayer *layer, GError **error)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt != NULL)
    return luks_shred (q->crypt->luks, error);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "%s: its encryption header is damaged, so its key can't be found. Delete the image.",
               layer->store->path);
  return false;
}

bool
qcow2_adopt_secrets (ImageLayer *layer, const ImageLayer *other, GError **error)
{
  const Qcow2 *q = QCOW2 (layer), *from = QCOW2 (other);

  if (q->crypt == NULL || from->crypt == NULL || !luks_unlock_by (q->crypt->luks, from->crypt->luks))
    return true; /* another disk's */
  return luks_adopt_secrets (q->crypt->luks, from->crypt->luks, error);
}

void
qcow2_lend_key (const ImageLayer *layer, ImageKeys *keys)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt != NULL && luks_is_unlocked (q->crypt->luks))
    luks_lend_key (q->crypt->luks, keys);
}

GBytes *
qcow2_read_key_header (ImageLayer *layer, GError **error)
{
  const Qcow2 *q = QCOW2 (layer);
  uint8_t *header;
  int result;

  if (!header_is_sane (layer, error))
    return NULL;
  header = g_malloc (q->crypt_length);
  result = store_read (layer->store, q->crypt_offset, header, q->crypt_length);
  if (result == 0)
    return g_bytes_new_take (header, q->crypt_length);
  g_free (header);
  vmm_set_errno_error (error, -result, "Can't read the encryption header of “%s”", layer->store->path);
  return NULL;
}

void
qcow2_describe_crypt (ImageLayer *layer, ImageInfo *info)
{
  const Qcow2 *q = QCOW2 (layer);

  if (q->crypt == NULL)
    return;
  image_info_detail (info, "encryption", "LUKS");
  image_info_detail (info, "cipher", "%s", luks_cipher (q->crypt->luks));
  image_info_detail (info, "key-bits", "%u", luks_key_bits (q->crypt->luks));
  image_info_detail (info, "passphrases", "%u", luks_n_secrets (q->crypt->luks));
  image_info_detail (info, "uuid", "%s", luks_uuid (q->crypt->luks));
}

/* --- new images --- */

uint64_t
qcow2_crypt_header_length (const ImageCreateOptions *options, GError **error)
{
  if (options->key_header != NULL)
    return g_bytes_get_size (options->key_header);
  if (options->secret->length > 0)
    return LUKS_HEADER_SIZE;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The passphrase is empty. Choose a longer one.");
  return 0;
}

static bool
copy_key_header (ImageStore *store, uint64_t offset, GBytes *header, GError **error)
{
  gsize length;
  const void *data = g_bytes_get_data (header, &length);
  int result = store_write (store, offset, data, length);

  return result == 0 || vmm_set_errno_error (error, -result, "Disk image “%s” can't be made", store->path);
}

bool
qcow2_create_crypt (ImageStore *store, uint64_t offset, uint64_t length, const ImageCreateOptions *options,
                    GError **error)
{
  g_autoptr (Luks) luks = NULL;

  if (options->key_header != NULL)
    return copy_key_header (store, offset, options->key_header, error);
  g_assert (length >= LUKS_HEADER_SIZE);
  luks = luks_create (store, offset, options->secret, options->secret_milliseconds, error);
  if (luks != NULL)
    luks_share_key (luks, options->secret, options->keys);
  return luks != NULL;
}
