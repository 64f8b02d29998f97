/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What luks.c (reading a header, unlocking) shares with luks-secrets.c (making one, changing passphrases). */

#include "devices/image/luks/luks-crypto.h"
#include "devices/image/luks/luks.h"

G_BEGIN_DECLS

/* LUKS On-Disk Format Specification 1.2.3, figures 3 and 4; all numbers are big-endian. */
enum {
  PHDR_MAGIC = 0,
  PHDR_VERSION = 6,
  PHDR_CIPHER_NAME = 8,
  PHDR_CIPHER_MODE = 40,
  PHDR_HASH_SPEC = 72,
  PHDR_PAYLOAD_OFFSET = 104,
  PHDR_KEY_BYTES = 108,
  PHDR_DIGEST = 112,
  PHDR_DIGEST_SALT = 132,
  PHDR_DIGEST_ITERATIONS = 164,
  PHDR_UUID = 168,
  PHDR_SLOTS = 208,
  PHDR_SIZE = 592,

  SLOT_ACTIVE = 0,
  SLOT_ITERATIONS = 4,
  SLOT_SALT = 8,
  SLOT_MATERIAL_OFFSET = 40,
  SLOT_STRIPES = 44,
  SLOT_SIZE = 48,
};
G_STATIC_ASSERT (PHDR_SLOTS + LUKS_SLOTS * SLOT_SIZE == PHDR_SIZE);

#define MAGIC         "LUKS\xba\xbe"
#define MAGIC_SIZE    6u
#define NAME_SIZE     32u
#define UUID_SIZE     40u
#define DIGEST_SIZE   20u
#define SALT_SIZE     32u
#define SLOT_ENABLED  0x00ac71f3u
#define SLOT_DISABLED 0x0000deadu
#define STRIPES       4000u

#define MAX_KEY 64u
/* What a hostile header may cost: memory per slot, and about a minute of processor time per slot. */
#define MAX_STRIPES    8192u
#define MAX_ITERATIONS (UINT32_C (1) << 26)

/* Where cryptsetup puts things: key material on 4 KiB boundaries, the first after the header. */
#define MATERIAL_ALIGN 4096u

typedef struct {
  bool enabled;
  uint32_t iterations;
  uint8_t salt[SALT_SIZE];
  uint64_t material; /* bytes from the header's start */
  uint32_t stripes;
} Slot;

struct Luks {
  ImageStore *store;
  uint64_t offset, length;

  SectorCipherSpec cipher_spec;
  const LuksHash *hash;
  uint32_t key_size;
  uint64_t payload;
  uint8_t digest[DIGEST_SIZE], digest_salt[SALT_SIZE];
  uint32_t digest_iterations;
  Slot slots[LUKS_SLOTS];
  char cipher_name[NAME_SIZE * 2];
  char uuid[UUID_SIZE + 1];

  uint8_t *key; /* secret memory of MAX_KEY; NULL: locked */
  SectorCipher *cipher;
};

/* Each stores @error and returns false. */
bool luks_bad_header (const Luks *luks, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);
bool luks_store_failed (const Luks *luks, int result, const char *what, GError **error);
bool luks_no_memory (const Luks *luks, GError **error);

/* Bytes in the store; key material fills whole sectors. */
uint64_t luks_material_size (uint32_t key_size, uint32_t stripes);
/* Whether a slot's material lies within the header and on no enabled slot's. */
bool luks_slot_fits (const Luks *luks, unsigned index);

/* Scratch of one slot: what it takes to get from a passphrase to the key, and back. Secret memory. */
typedef struct {
  size_t size;
  uint8_t slot_key[MAX_KEY], key[MAX_KEY];
  uint8_t material[];
} SlotWork;

SlotWork *luks_slot_work_new (const Luks *luks, const Slot *slot, GError **error);
void luks_slot_work_free (SlotWork *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SlotWork, luks_slot_work_free)

/* work->material under work->slot_key. */
bool luks_crypt_material (const Luks *luks, const Slot *slot, SlotWork *work, bool encrypt, GError **error);
void luks_key_digest (const Luks *luks, const uint8_t *key, uint8_t *digest);

/* The slot that @secret opens, or -1 with @error; its key goes to @key (nullable). */
int luks_find_slot (const Luks *luks, const ImageSecret *secret, uint8_t *key, GError **error);
/* The same, without @key; @keys (nullable) may know it. */
int luks_know_slot (const Luks *luks, const ImageSecret *secret, ImageKeys *keys, GError **error);
/* Whether one key fits both: their digests, under one random salt, are the same. */
bool luks_has_key_of (const Luks *luks, const Luks *other);
/* Takes @key over, which is secret memory of MAX_KEY, unless it fails. */
bool luks_take_key (Luks *luks, uint8_t *key, GError **error);

G_END_DECLS
