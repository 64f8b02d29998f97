/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/luks/luks-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* --- changing passphrases --- */

static bool
no_random (const Luks *luks, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED,
               "%s: the host gives no random numbers for a key. Try again.", luks->store->path);
  return false;
}

static bool
write_and_sync (const Luks *luks, uint64_t at, const void *data, size_t size, GError **error)
{
  int result = store_write (luks->store, luks->offset + at, data, size);

  if (result == 0)
    result = store_sync (luks->store);
  return result == 0 || luks_store_failed (luks, result, "write the LUKS header", error);
}

static bool
write_slot (const Luks *luks, unsigned index, bool enabled, GError **error)
{
  const Slot *slot = &luks->slots[index];
  uint8_t raw[SLOT_SIZE];

  store_be32 (raw + SLOT_ACTIVE, enabled ? SLOT_ENABLED : SLOT_DISABLED);
  store_be32 (raw + SLOT_ITERATIONS, slot->iterations);
  memcpy (raw + SLOT_SALT, slot->salt, SALT_SIZE);
  store_be32 (raw + SLOT_MATERIAL_OFFSET, (uint32_t)(slot->material / LUKS_SECTOR_SIZE));
  store_be32 (raw + SLOT_STRIPES, slot->stripes);
  return write_and_sync (luks, PHDR_SLOTS + (uint64_t)index * SLOT_SIZE, raw, sizeof raw, error);
}

/* Only this write turns the slot on or off, and it fits a sector: a torn one can't make half a slot. */
static bool
switch_slot (Luks *luks, unsigned index, bool enabled, GError **error)
{
  uint8_t active[4];

  store_be32 (active, enabled ? SLOT_ENABLED : SLOT_DISABLED);
  if (!write_and_sync (luks, PHDR_SLOTS + (uint64_t)index * SLOT_SIZE + SLOT_ACTIVE, active, sizeof active,
                       error))
    return false;
  luks->slots[index].enabled = enabled;
  return true;
}

/* Puts the key under @secret into a slot that is off, and leaves it off. */
static bool
fill_slot (Luks *luks, unsigned index, const ImageSecret *secret, unsigned milliseconds, GError **error)
{
  Slot *slot = &luks->slots[index];
  g_autoptr (SlotWork) work = NULL;

  slot->iterations = MIN (luks_pbkdf2_calibrate (luks->hash, luks->key_size,
                                                 milliseconds > 0 ? milliseconds : LUKS_DEFAULT_MILLISECONDS),
                          MAX_ITERATIONS);
  work = luks_slot_work_new (luks, slot, error);
  if (work == NULL)
    return false;
  if (!secret_random (slot->salt, SALT_SIZE)
      || !luks_split (luks->hash, luks->key, luks->key_size, slot->stripes, work->material))
    return no_random (luks, error);
  luks_pbkdf2 (luks->hash, secret->data, secret->length, slot->salt, SALT_SIZE, slot->iterations,
               work->slot_key, luks->key_size);
  return luks_crypt_material (luks, slot, work, true, error)
         && write_and_sync (luks, slot->material, work->material,
                            luks_material_size (luks->key_size, slot->stripes), error)
         && write_slot (luks, index, false, error);
}

static bool
secret_is_empty (const Luks *luks, const ImageSecret *secret, GError **error)
{
  if (secret->length > 0)
    return false;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "%s: the new passphrase is empty. Choose a longer one.",
               luks->store->path);
  return true;
}

static bool
needs_key (const Luks *luks, GError **error)
{
  if (luks->key != NULL)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
               "%s is locked. Give a passphrase that opens it before changing them.", luks->store->path);
  return false;
}

bool
luks_add_secret (Luks *luks, const ImageSecret *secret, unsigned milliseconds, GError **error)
{
  if (!needs_key (luks, error) || secret_is_empty (luks, secret, error))
    return false;
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (!luks->slots[i].enabled && luks_slot_fits (luks, i))
      return fill_slot (luks, i, secret, milliseconds, error) && switch_slot (luks, i, true, error);
  g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
               "%s has no room for another passphrase: %u are in use. Remove one first.", luks->store->path,
               luks_n_secrets (luks));
  return false;
}

/* The slot is off first; then what could bring it back is overwritten. */
static bool
wipe_slot (Luks *luks, unsigned index, GError **error)
{
  Slot *slot = &luks->slots[index];
  uint64_t size = luks_material_size (luks->key_size, slot->stripes);
  g_autofree uint8_t *noise = g_malloc (size);

  if (!switch_slot (luks, index, false, error))
    return false;
  if (!secret_random (noise, size))
    return no_random (luks, error);
  slot->iterations = 0;
  memset (slot->salt, 0, SALT_SIZE);
  return write_and_sync (luks, slot->material, noise, size, error) && write_slot (luks, index, false, error);
}

bool
luks_remove_secret (Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error)
{
  int index;

  if (!needs_key (luks, error))
    return false;
  index = luks_know_slot (luks, secret, keys, error);
  if (index < 0)
    return false;
  if (luks_n_secrets (luks) < 2)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "%s: this is the last passphrase; without it nothing opens the disk any more. Add another first.",
        luks->store->path);
      return false;
    }
  return wipe_slot (luks, (unsigned)index, error);
}

bool
luks_change_secret (Luks *luks, const ImageSecret *old_secret, const ImageSecret *new_secret,
                    unsigned milliseconds, ImageKeys *keys, GError **error)
{
  int index;

  if (!needs_key (luks, error))
    return false;
  index = luks_know_slot (luks, old_secret, keys, error);
  return index >= 0 && luks_add_secret (luks, new_secret, milliseconds, error)
         && wipe_slot (luks, (unsigned)index, error);
}

static bool
has_passphrase (const Luks *luks, const Slot *slot)
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (luks->slots[i].enabled && memcmp (luks->slots[i].salt, slot->salt, SALT_SIZE) == 0)
      return true;
  return false;
}

/* Key material says the same in every slot: its vectors start at 0. */
static bool
copy_slot (Luks *luks, const Luks *other, const Slot *slot, unsigned index, GError **error)
{
  uint64_t size = luks_material_size (luks->key_size, slot->stripes), material = luks->slots[index].material;
  g_autofree uint8_t *content = g_malloc (size);
  int result = store_read (other->store, other->offset + slot->material, content, size);

  if (result < 0)
    return luks_store_failed (other, result, "read the key material", error);
  luks->slots[index] = *slot;
  luks->slots[index].enabled = false;
  luks->slots[index].material = material;
  return write_and_sync (luks, material, content, size, error) && write_slot (luks, index, false, error)
         && switch_slot (luks, index, true, error);
}

static bool
adopt_slot (Luks *luks, const Luks *other, const Slot *slot, GError **error)
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (!luks->slots[i].enabled && luks->slots[i].stripes >= slot->stripes && luks_slot_fits (luks, i))
      return copy_slot (luks, other, slot, i, error);
  g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
               "%s has no room for the passphrases of %s. Remove one first.", luks->store->path,
               other->store->path);
  return false;
}

bool
luks_adopt_secrets (Luks *luks, const Luks *other, GError **error)
{
  if (!needs_key (luks, error))
    return false;
  g_return_val_if_fail (luks_has_key_of (luks, other), false);
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (other->slots[i].enabled && !has_passphrase (luks, &other->slots[i])
        && !adopt_slot (luks, other, &other->slots[i], error))
      return false;
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (luks->slots[i].enabled && !has_passphrase (other, &luks->slots[i]) && !wipe_slot (luks, i, error))
      return false;
  return true;
}

/* What is in the store, not what is known of it. */
static bool
is_shredded (const Luks *luks, GError **error)
{
  g_autoptr (Luks) again = luks_open (luks->store, luks->offset, luks->length, error);

  if (again == NULL)
    return false;
  if (luks_n_secrets (again) > 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED,
                 "%s: a passphrase is still there after its key was wiped. Try again.", luks->store->path);
  return luks_n_secrets (again) == 0;
}

bool
luks_shred (Luks *luks, GError **error)
{
  /* Slots that are off as well: what they held once may still be there. */
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if ((luks->slots[i].enabled || luks_slot_fits (luks, i)) && !wipe_slot (luks, i, error))
      return false;
  return is_shredded (luks, error);
}

/* --- a new header --- */

#define NEW_CIPHER   "aes"
#define NEW_MODE     "xts-plain64"
#define NEW_HASH     "sha256"
#define NEW_KEY_SIZE 64u

static uint64_t
slot_stride (void)
{
  uint64_t size = luks_material_size (NEW_KEY_SIZE, STRIPES);

  return (size + MATERIAL_ALIGN - 1) / MATERIAL_ALIGN * MATERIAL_ALIGN;
}

/* All but the slots' keys. */
static void
build_header (const Luks *luks, uint8_t *phdr)
{
  memset (phdr, 0, PHDR_SIZE);
  memcpy (phdr + PHDR_MAGIC, MAGIC, MAGIC_SIZE);
  store_be16 (phdr + PHDR_VERSION, 1);
  memcpy (phdr + PHDR_CIPHER_NAME, NEW_CIPHER, strlen (NEW_CIPHER));
  memcpy (phdr + PHDR_CIPHER_MODE, NEW_MODE, strlen (NEW_MODE));
  memcpy (phdr + PHDR_HASH_SPEC, NEW_HASH, strlen (NEW_HASH));
  store_be32 (phdr + PHDR_PAYLOAD_OFFSET, (uint32_t)(luks->payload / LUKS_SECTOR_SIZE));
  store_be32 (phdr + PHDR_KEY_BYTES, luks->key_size);
  memcpy (phdr + PHDR_DIGEST, luks->digest, DIGEST_SIZE);
  memcpy (phdr + PHDR_DIGEST_SALT, luks->digest_salt, SALT_SIZE);
  store_be32 (phdr + PHDR_DIGEST_ITERATIONS, luks->digest_iterations);
  memcpy (phdr + PHDR_UUID, luks->uuid, strlen (luks->uuid));
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      uint8_t *raw = phdr + PHDR_SLOTS + (size_t)i * SLOT_SIZE;

      store_be32 (raw + SLOT_ACTIVE, SLOT_DISABLED);
      store_be32 (raw + SLOT_MATERIAL_OFFSET, (uint32_t)(luks->slots[i].material / LUKS_SECTOR_SIZE));
      store_be32 (raw + SLOT_STRIPES, luks->slots[i].stripes);
    }
}

/* A fresh key, and what tells it from a wrong one. */
static bool
invent_key (Luks *luks, unsigned milliseconds, GError **error)
{
  uint8_t *key = secret_memory_new (MAX_KEY);
  g_autofree char *uuid = g_uuid_string_random ();

  if (key == NULL)
    return luks_no_memory (luks, error);
  if (!secret_random (key, luks->key_size) || !secret_random (luks->digest_salt, SALT_SIZE))
    {
      secret_memory_free (key, MAX_KEY);
      return no_random (luks, error);
    }
  if (!luks_take_key (luks, key, error))
    {
      secret_memory_free (key, MAX_KEY);
      return false;
    }
  /* The digest guards a random key, not a passphrase: cryptsetup spends an eighth of a second on it too. */
  luks->digest_iterations =
    MIN (luks_pbkdf2_calibrate (luks->hash, DIGEST_SIZE, MAX (milliseconds / 16, 1)), MAX_ITERATIONS);
  luks_key_digest (luks, luks->key, luks->digest);
  g_strlcpy (luks->uuid, uuid, sizeof luks->uuid);
  return true;
}

Luks *
luks_create (ImageStore *store, uint64_t offset, const ImageSecret *secret, unsigned milliseconds,
             GError **error)
{
  g_autoptr (Luks) luks = g_new0 (Luks, 1);
  uint8_t phdr[PHDR_SIZE];
  int result;

  luks->store = store;
  luks->offset = offset;
  luks->length = luks->payload = LUKS_HEADER_SIZE;
  luks->hash = luks_hash_find (NEW_HASH);
  luks->key_size = NEW_KEY_SIZE;
  g_snprintf (luks->cipher_name, sizeof luks->cipher_name, "%s-%s", NEW_CIPHER, NEW_MODE);
  sector_cipher_parse (NEW_MODE, &luks->cipher_spec);
  g_assert (MATERIAL_ALIGN + LUKS_SLOTS * slot_stride () == LUKS_HEADER_SIZE);
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      luks->slots[i].material = MATERIAL_ALIGN + i * slot_stride ();
      luks->slots[i].stripes = STRIPES;
    }

  if (milliseconds == 0)
    milliseconds = LUKS_DEFAULT_MILLISECONDS;
  if (secret_is_empty (luks, secret, error) || !invent_key (luks, milliseconds, error))
    return NULL;
  result = store_zero (store, offset, LUKS_HEADER_SIZE);
  if (result == 0 && store_size (store) < offset + LUKS_HEADER_SIZE)
    result = store_resize (store, offset + LUKS_HEADER_SIZE);
  if (result < 0)
    {
      luks_store_failed (luks, result, "make room for the LUKS header", error);
      return NULL;
    }
  build_header (luks, phdr);
  if (!write_and_sync (luks, 0, phdr, sizeof phdr, error)
      || !luks_add_secret (luks, secret, milliseconds, error))
    return NULL;
  return g_steal_pointer (&luks);
}
