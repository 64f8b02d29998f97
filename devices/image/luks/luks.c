/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/luks/luks-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* --- reading a header --- */

bool
luks_bad_header (const Luks *luks, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "%s: the LUKS header is damaged: %s. Without the header the content can't be decrypted: restore it "
    "from a backup.",
    luks->store->path, what);
  return false;
}

bool
luks_store_failed (const Luks *luks, int result, const char *what, GError **error)
{
  return vmm_set_errno_error (error, -result, "%s: could not %s", luks->store->path, what);
}

/* A name within a header: what isn't printable is no name. */
static bool
get_name (const Luks *luks, const uint8_t *phdr, unsigned at, const char *field, char *name, GError **error)
{
  memcpy (name, phdr + at, NAME_SIZE);
  name[NAME_SIZE] = 0;
  for (const char *c = name; *c != 0; c++)
    if (!g_ascii_isprint (*c))
      return luks_bad_header (luks, error, "the %s is no text", field);
  if (name[0] == 0 || strlen (name) == NAME_SIZE)
    return luks_bad_header (luks, error, "the %s is %s", field, name[0] == 0 ? "empty" : "not terminated");
  return true;
}

static bool
parse_algorithms (Luks *luks, const uint8_t *phdr, GError **error)
{
  char name[NAME_SIZE + 1], mode[NAME_SIZE + 1], hash[NAME_SIZE + 1];

  if (!get_name (luks, phdr, PHDR_CIPHER_NAME, "cipher name", name, error)
      || !get_name (luks, phdr, PHDR_CIPHER_MODE, "cipher mode", mode, error)
      || !get_name (luks, phdr, PHDR_HASH_SPEC, "hash", hash, error))
    return false;

  luks->key_size = load_be32 (phdr + PHDR_KEY_BYTES);
  g_snprintf (luks->cipher_name, sizeof luks->cipher_name, "%.31s-%.31s", name, mode);
  if (g_ascii_strcasecmp (name, "aes") != 0 || !sector_cipher_parse (mode, &luks->cipher_spec))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "%s is encrypted with %s, which is not supported. Convert it with the program that made it to "
        "aes-xts-plain64 or aes-cbc-essiv:sha256.",
        luks->store->path, luks->cipher_name);
      return false;
    }
  luks->hash = luks_hash_find (hash);
  if (luks->hash == NULL)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "%s protects its key with the hash %s, which is not supported. Convert it with the program "
        "that made it to sha256.",
        luks->store->path, hash);
      return false;
    }
  if (!sector_cipher_takes (luks->cipher_spec, luks->key_size))
    return luks_bad_header (luks, error, "%s takes no key of %u bytes", luks->cipher_name, luks->key_size);
  return true;
}

uint64_t
luks_material_size (uint32_t key_size, uint32_t stripes)
{
  uint64_t size = (uint64_t)key_size * stripes;

  return (size + LUKS_SECTOR_SIZE - 1) / LUKS_SECTOR_SIZE * LUKS_SECTOR_SIZE;
}

bool
luks_slot_fits (const Luks *luks, unsigned index)
{
  const Slot *slot = &luks->slots[index];
  uint64_t size = luks_material_size (luks->key_size, slot->stripes);

  if (slot->stripes == 0 || slot->stripes > MAX_STRIPES || slot->material < PHDR_SIZE
      || slot->material > luks->length || size > luks->length - slot->material)
    return false;
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      const Slot *other = &luks->slots[i];
      uint64_t other_size = luks_material_size (luks->key_size, MIN (other->stripes, MAX_STRIPES));

      if (i != index && other->enabled && slot->material < other->material + other_size
          && other->material < slot->material + size)
        return false;
    }
  return true;
}

static bool
parse_slots (Luks *luks, const uint8_t *phdr, GError **error)
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      const uint8_t *raw = phdr + PHDR_SLOTS + (size_t)i * SLOT_SIZE;
      uint32_t active = load_be32 (raw + SLOT_ACTIVE);
      Slot *slot = &luks->slots[i];

      if (active != SLOT_ENABLED && active != SLOT_DISABLED)
        return luks_bad_header (luks, error, "key slot %u is neither enabled nor disabled (0x%08x)", i,
                                active);
      slot->enabled = active == SLOT_ENABLED;
      slot->iterations = load_be32 (raw + SLOT_ITERATIONS);
      slot->material = (uint64_t)load_be32 (raw + SLOT_MATERIAL_OFFSET) * LUKS_SECTOR_SIZE;
      slot->stripes = load_be32 (raw + SLOT_STRIPES);
      memcpy (slot->salt, raw + SLOT_SALT, SALT_SIZE);
    }

  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      const Slot *slot = &luks->slots[i];

      if (!slot->enabled)
        continue;
      if (slot->iterations == 0 || slot->iterations > MAX_ITERATIONS)
        return luks_bad_header (luks, error, "key slot %u asks for %u iterations", i, slot->iterations);
      if (!luks_slot_fits (luks, i))
        return luks_bad_header (luks, error,
                                "the key material of slot %u (%u stripes at %" G_GUINT64_FORMAT
                                ") is outside of the header or lies on another's",
                                i, slot->stripes, slot->material);
    }
  return true;
}

static bool
parse_header (Luks *luks, const uint8_t *phdr, GError **error)
{
  if (memcmp (phdr + PHDR_MAGIC, MAGIC, MAGIC_SIZE) != 0)
    return luks_bad_header (luks, error, "it does not start with LUKS' magic number");
  if (load_be16 (phdr + PHDR_VERSION) != 1)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "%s is encrypted with LUKS version %u; only version 1 can be used. Convert it with "
                   "“cryptsetup convert --type luks1”.",
                   luks->store->path, load_be16 (phdr + PHDR_VERSION));
      return false;
    }
  if (!parse_algorithms (luks, phdr, error))
    return false;

  luks->payload = (uint64_t)load_be32 (phdr + PHDR_PAYLOAD_OFFSET) * LUKS_SECTOR_SIZE;
  memcpy (luks->digest, phdr + PHDR_DIGEST, DIGEST_SIZE);
  memcpy (luks->digest_salt, phdr + PHDR_DIGEST_SALT, SALT_SIZE);
  luks->digest_iterations = load_be32 (phdr + PHDR_DIGEST_ITERATIONS);
  if (luks->digest_iterations == 0 || luks->digest_iterations > MAX_ITERATIONS)
    return luks_bad_header (luks, error, "the key's digest asks for %u iterations", luks->digest_iterations);
  for (unsigned i = 0; i < UUID_SIZE && g_ascii_isprint ((char)phdr[PHDR_UUID + i]); i++)
    luks->uuid[i] = (char)phdr[PHDR_UUID + i];
  return parse_slots (luks, phdr, error);
}

Luks *
luks_open (ImageStore *store, uint64_t offset, uint64_t length, GError **error)
{
  g_autoptr (Luks) luks = g_new0 (Luks, 1);
  uint8_t phdr[PHDR_SIZE];
  int result;

  luks->store = store;
  luks->offset = offset;
  luks->length = length;
  if (length < PHDR_SIZE || offset > store_size (store) || store_size (store) - offset < PHDR_SIZE)
    {
      luks_bad_header (luks, error, "it is cut off");
      return NULL;
    }
  result = store_read (store, offset, phdr, sizeof phdr);
  if (result < 0)
    {
      luks_store_failed (luks, result, "read the LUKS header", error);
      return NULL;
    }
  if (!parse_header (luks, phdr, error))
    return NULL;
  return g_steal_pointer (&luks);
}

void
luks_free (Luks *luks)
{
  if (luks == NULL)
    return;

  sector_cipher_free (luks->cipher);
  secret_memory_free (luks->key, MAX_KEY);
  explicit_bzero (luks, sizeof *luks);
  g_free (luks);
}

/* --- keys --- */

bool
luks_no_memory (const Luks *luks, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
               "%s: no memory for the key. Close other programs and try again.", luks->store->path);
  return false;
}

SlotWork *
luks_slot_work_new (const Luks *luks, const Slot *slot, GError **error)
{
  size_t size = sizeof (SlotWork) + luks_material_size (luks->key_size, slot->stripes);
  SlotWork *work = secret_memory_new (size);

  if (work == NULL)
    luks_no_memory (luks, error);
  else
    work->size = size;
  return work;
}

void
luks_slot_work_free (SlotWork *work)
{
  if (work != NULL)
    secret_memory_free (work, work->size);
}

/* Material is encrypted as sectors are, counted from its own start (section 2.4). */
bool
luks_crypt_material (const Luks *luks, const Slot *slot, SlotWork *work, bool encrypt, GError **error)
{
  SectorCipher *cipher = sector_cipher_new (luks->cipher_spec, work->slot_key, luks->key_size);

  if (cipher == NULL)
    return luks_no_memory (luks, error);
  sector_cipher_run (cipher, 0, work->material, luks_material_size (luks->key_size, slot->stripes), encrypt);
  sector_cipher_free (cipher);
  return true;
}

void
luks_key_digest (const Luks *luks, const uint8_t *key, uint8_t *digest)
{
  luks_pbkdf2 (luks->hash, key, luks->key_size, luks->digest_salt, SALT_SIZE, luks->digest_iterations, digest,
               DIGEST_SIZE);
}

/* Whether @secret is this slot's; then work->key is the sectors' key. */
static bool
try_slot (const Luks *luks, unsigned index, const ImageSecret *secret, SlotWork *work, bool *matches,
          GError **error)
{
  const Slot *slot = &luks->slots[index];
  uint64_t size = luks_material_size (luks->key_size, slot->stripes);
  uint8_t digest[DIGEST_SIZE];
  int result;

  *matches = false;
  if (slot->material + size > store_size (luks->store) - luks->offset)
    return luks_bad_header (luks, error, "the key material of slot %u is cut off", index);
  result = store_read (luks->store, luks->offset + slot->material, work->material, size);
  if (result < 0)
    return luks_store_failed (luks, result, "read the key material", error);

  luks_pbkdf2 (luks->hash, secret->data, secret->length, slot->salt, SALT_SIZE, slot->iterations,
               work->slot_key, luks->key_size);
  if (!luks_crypt_material (luks, slot, work, false, error))
    return false;
  luks_merge (luks->hash, work->material, luks->key_size, slot->stripes, work->key);
  luks_key_digest (luks, work->key, digest);
  *matches = memcmp (digest, luks->digest, DIGEST_SIZE) == 0;
  return true;
}

int
luks_find_slot (const Luks *luks, const ImageSecret *secret, uint8_t *key, GError **error)
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    {
      g_autoptr (SlotWork) work = NULL;
      bool matches;

      if (!luks->slots[i].enabled)
        continue;
      work = luks_slot_work_new (luks, &luks->slots[i], error);
      if (work == NULL || !try_slot (luks, i, secret, work, &matches, error))
        return -1;
      if (matches && key != NULL)
        memcpy (key, work->key, luks->key_size);
      if (matches)
        return (int)i;
    }
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_PERMISSION,
    "%s: the passphrase is wrong. Enter it again; mind the keyboard layout, Caps Lock, and a line break "
    "at the end of a key file.",
    luks->store->path);
  return -1;
}

bool
luks_take_key (Luks *luks, uint8_t *key, GError **error)
{
  SectorCipher *cipher = sector_cipher_new (luks->cipher_spec, key, luks->key_size);

  if (cipher == NULL)
    return luks_no_memory (luks, error);
  sector_cipher_free (luks->cipher);
  secret_memory_free (luks->key, MAX_KEY);
  luks->cipher = cipher;
  luks->key = key;
  return true;
}

bool
luks_is_unlocked (const Luks *luks)
{
  return luks->cipher != NULL;
}

void
luks_crypt (const Luks *luks, uint64_t sector, uint8_t *data, size_t size, bool encrypt)
{
  sector_cipher_run (luks->cipher, sector, data, size, encrypt);
}

/* --- what it says of itself --- */

const char *
luks_cipher (const Luks *luks)
{
  return luks->cipher_name;
}

unsigned
luks_key_bits (const Luks *luks)
{
  return luks->key_size * 8;
}

const char *
luks_uuid (const Luks *luks)
{
  return luks->uuid;
}

unsigned
luks_n_secrets (const Luks *luks)
{
  unsigned n = 0;

  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    n += luks->slots[i].enabled;
  return n;
}

uint64_t
luks_payload_offset (const Luks *luks)
{
  return luks->payload;
}
