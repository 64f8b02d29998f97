/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The cryptography of LUKS1: hashes, PBKDF2, the anti-forensic splitter, and sectors under AES. No function
 * keeps a secret in ordinary memory beyond its return.
 *
 * Threading: everything is pure but for its out parameters; a SectorCipher is constant once it is made and
 * serves any number of threads.
 */

/* Memory for secrets: kept from swap and core dumps where the host allows it, wiped by secret_memory_free.
 * Zeroed. NULL: the host has none. */
void *secret_memory_new (size_t size);
void secret_memory_free (void *memory, size_t size); /* NULL is ignored */

/* Unpredictable bytes from the kernel; waits for its pool at most once after the host's start. */
bool secret_random (uint8_t *out, size_t size);

typedef struct LuksHash LuksHash;

#define LUKS_MAX_DIGEST 64u

/* By a header's hash-spec ("sha256"), any case; NULL: not known. */
const LuksHash *luks_hash_find (const char *name);
const char *luks_hash_name (const LuksHash *hash);

/* PBKDF2, RFC 8018 section 5.2, with HMAC of @hash. @iterations > 0. */
void luks_pbkdf2 (const LuksHash *hash, const uint8_t *secret, size_t secret_size, const uint8_t *salt,
                  size_t salt_size, uint32_t iterations, uint8_t *out, size_t out_size);

/* How many iterations of luks_pbkdf2 for @out_size bytes this host's processor does in @milliseconds; at
 * least 1000, at most UINT32_MAX. Takes some 20 milliseconds. */
uint32_t luks_pbkdf2_calibrate (const LuksHash *hash, size_t out_size, unsigned milliseconds);

/* AFsplit and AFmerge (LUKS On-Disk Format Specification 1.2.3, section 2.4): @key of @size bytes <-> @size *
 * @stripes bytes of which every single one is needed. Split is false without random bytes. */
bool luks_split (const LuksHash *hash, const uint8_t *key, size_t size, unsigned stripes, uint8_t *out);
void luks_merge (const LuksHash *hash, const uint8_t *material, size_t size, unsigned stripes, uint8_t *key);

typedef enum {
  SECTOR_CIPHER_XTS,
  SECTOR_CIPHER_CBC,
} SectorCipherMode;

typedef enum {
  SECTOR_IV_PLAIN,        /* the sector's number, 32 bits */
  SECTOR_IV_PLAIN64,      /* 64 bits */
  SECTOR_IV_ESSIV_SHA256, /* that, encrypted with the hash of the key */
} SectorIv;

typedef struct {
  SectorCipherMode mode;
  SectorIv iv;
} SectorCipherSpec;

/* A header's cipher-mode ("xts-plain64"). False: not known. */
bool sector_cipher_parse (const char *mode, SectorCipherSpec *spec);
/* XTS: two keys of 16 or 32 bytes. CBC: one of 16, 24 or 32. */
bool sector_cipher_takes (SectorCipherSpec spec, size_t key_size);

typedef struct SectorCipher SectorCipher;

#define SECTOR_CIPHER_SIZE 512u

/* NULL: no memory. @key_size is one that the @spec takes. */
SectorCipher *sector_cipher_new (SectorCipherSpec spec, const uint8_t *key, size_t key_size);
void sector_cipher_free (SectorCipher *cipher); /* NULL is ignored */

/* In place. @size is a multiple of SECTOR_CIPHER_SIZE; @sector is the first one's number. */
void sector_cipher_run (const SectorCipher *cipher, uint64_t sector, uint8_t *data, size_t size,
                        bool encrypt);

G_END_DECLS
