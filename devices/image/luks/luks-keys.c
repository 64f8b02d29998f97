/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/luks/luks-private.h"

#define MAX_KEYS 64u /* more are derived again */

typedef struct {
  size_t size;
  uint8_t digest[DIGEST_SIZE], digest_salt[SALT_SIZE];
  uint32_t key_size;
  uint8_t key[MAX_KEY];
  bool has_slot;
  uint8_t slot_salt[SALT_SIZE]; /* of the slot that it opens */
  size_t secret_length;
  uint8_t secret[];
} Known;

struct ImageKeys {
  gatomicrefcount refs;
  GMutex lock;
  GPtrArray *known; /* of Known, secret memory */
};

static void
free_known (void *data)
{
  Known *known = data;

  secret_memory_free (known, known->size);
}

ImageKeys *
image_keys_new (void)
{
  ImageKeys *keys = g_new0 (ImageKeys, 1);

  g_atomic_ref_count_init (&keys->refs);
  g_mutex_init (&keys->lock);
  keys->known = g_ptr_array_new_with_free_func (free_known);
  return keys;
}

ImageKeys *
image_keys_ref (ImageKeys *keys)
{
  g_atomic_ref_count_inc (&keys->refs);
  return keys;
}

void
image_keys_free (ImageKeys *keys)
{
  if (keys == NULL || !g_atomic_ref_count_dec (&keys->refs))
    return;
  g_ptr_array_unref (keys->known);
  g_mutex_clear (&keys->lock);
  g_free (keys);
}

bool
luks_has_key_of (const Luks *luks, const Luks *other)
{
  return luks->key_size == other->key_size && memcmp (luks->digest, other->digest, DIGEST_SIZE) == 0
         && memcmp (luks->digest_salt, other->digest_salt, SALT_SIZE) == 0;
}

bool
luks_unlock_by (Luks *luks, const Luks *other)
{
  uint8_t *key;

  if (luks->key != NULL || other->key == NULL || !luks_has_key_of (luks, other))
    return luks->key != NULL;
  key = secret_memory_new (MAX_KEY);
  if (key == NULL)
    return false;
  memcpy (key, other->key, other->key_size);
  if (luks_take_key (luks, key, NULL))
    return true;
  secret_memory_free (key, MAX_KEY);
  return false;
}

/* A header's digest, under a random salt, is that of its key alone. A wrong passphrase stays wrong. */
static const Known *
find_locked (const ImageKeys *keys, const Luks *luks, const ImageSecret *secret)
{
  for (unsigned i = 0; i < keys->known->len; i++)
    {
      const Known *known = g_ptr_array_index (keys->known, i);

      if (known->key_size == luks->key_size && memcmp (known->digest, luks->digest, DIGEST_SIZE) == 0
          && memcmp (known->digest_salt, luks->digest_salt, SALT_SIZE) == 0
          && known->secret_length == secret->length
          && memcmp (known->secret, secret->data, secret->length) == 0)
        return known;
    }
  return NULL;
}

/* @slot: that @secret opens, or -1. */
static void
share (const Luks *luks, const ImageSecret *secret, int slot, ImageKeys *keys)
{
  size_t size = sizeof (Known) + secret->length;
  Known *known;

  if (keys == NULL)
    return;
  g_mutex_lock (&keys->lock);
  if (keys->known->len < MAX_KEYS && find_locked (keys, luks, secret) == NULL
      && (known = secret_memory_new (size)) != NULL)
    {
      *known = (Known){ .size = size, .key_size = luks->key_size, .secret_length = secret->length };
      memcpy (known->digest, luks->digest, DIGEST_SIZE);
      memcpy (known->digest_salt, luks->digest_salt, SALT_SIZE);
      memcpy (known->key, luks->key, luks->key_size);
      memcpy (known->secret, secret->data, secret->length);
      known->has_slot = slot >= 0;
      if (slot >= 0)
        memcpy (known->slot_salt, luks->slots[slot].salt, SALT_SIZE);
      g_ptr_array_add (keys->known, known);
    }
  g_mutex_unlock (&keys->lock);
}

void
luks_share_key (const Luks *luks, const ImageSecret *secret, ImageKeys *keys)
{
  share (luks, secret, -1, keys);
}

int
luks_know_slot (const Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error)
{
  const Known *known;
  int slot = -1;

  if (keys != NULL)
    {
      g_mutex_lock (&keys->lock);
      known = find_locked (keys, luks, secret);
      for (unsigned i = 0; known != NULL && known->has_slot && i < LUKS_SLOTS; i++)
        if (luks->slots[i].enabled && memcmp (luks->slots[i].salt, known->slot_salt, SALT_SIZE) == 0)
          slot = (int)i;
      g_mutex_unlock (&keys->lock);
    }
  return slot >= 0 ? slot : luks_find_slot (luks, secret, NULL, error);
}

/* Its key into @key; false: has to be derived. */
static bool
take_known (ImageKeys *keys, const Luks *luks, const ImageSecret *secret, uint8_t *key)
{
  const Known *known;

  if (keys == NULL)
    return false;
  g_mutex_lock (&keys->lock);
  known = find_locked (keys, luks, secret);
  if (known != NULL)
    memcpy (key, known->key, known->key_size);
  g_mutex_unlock (&keys->lock);
  return known != NULL;
}

/* Nobody's passphrase is empty. */
static const ImageSecret no_secret = { (const uint8_t *)"", 0 };

void
luks_lend_key (const Luks *luks, ImageKeys *keys)
{
  share (luks, &no_secret, -1, keys);
}

bool
luks_borrow_key (Luks *luks, ImageKeys *keys)
{
  uint8_t *key = secret_memory_new (MAX_KEY);

  if (key == NULL)
    return false;
  if (take_known (keys, luks, &no_secret, key) && luks_take_key (luks, key, NULL))
    return true;
  secret_memory_free (key, MAX_KEY);
  return false;
}

bool
luks_unlock (Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error)
{
  uint8_t *key = secret_memory_new (MAX_KEY);
  bool known;
  int slot = -1;

  if (key == NULL)
    return luks_no_memory (luks, error);
  known = take_known (keys, luks, secret, key);
  if (!known)
    slot = luks_find_slot (luks, secret, key, error);
  if ((known || slot >= 0) && luks_take_key (luks, key, error))
    {
      share (luks, secret, slot, keys);
      return true;
    }
  secret_memory_free (key, MAX_KEY);
  return false;
}
