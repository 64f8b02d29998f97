/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/luks/luks-crypto.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/hmac.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* --- memory and randomness --- */

static size_t
whole_pages (size_t size)
{
  size_t page = (size_t)sysconf (_SC_PAGESIZE);

  return (size + page - 1) / page * page;
}

void *
secret_memory_new (size_t size)
{
  size_t length = whole_pages (size);
  void *memory = mmap (NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    return NULL;

  /* Both are a defence in depth: a host that limits locked memory still gets its disk. */
  (void)mlock (memory, length);
  (void)madvise (memory, length, MADV_DONTDUMP);
  return memory;
}

void
secret_memory_free (void *memory, size_t size)
{
  if (memory == NULL)
    return;

  explicit_bzero (memory, size);
  munmap (memory, whole_pages (size));
}

bool
secret_random (uint8_t *out, size_t size)
{
  while (size > 0)
    {
      ssize_t n = getrandom (out, size, 0);

      if (n < 0 && errno != EINTR)
        return false;
      if (n > 0)
        {
          out += n;
          size -= (size_t)n;
        }
    }
  return true;
}

/* --- hashes --- */

typedef union {
  struct hmac_sha1_ctx sha1;
  struct hmac_sha256_ctx sha256;
  struct hmac_sha512_ctx sha512;
  struct hmac_ripemd160_ctx ripemd160;
} HmacContext;

typedef union {
  struct sha1_ctx sha1;
  struct sha256_ctx sha256;
  struct sha512_ctx sha512;
  struct ripemd160_ctx ripemd160;
} HashContext;

struct LuksHash {
  const char *name;
  const struct nettle_hash *hash;
  const struct nettle_mac *mac; /* its set_key takes keys of the digest's size only */
  void (*set_key) (void *context, size_t size, const uint8_t *key);
};

#define DEFINE_SET_KEY(algorithm)                                                                            \
  static void set_key_##algorithm (void *context, size_t size, const uint8_t *key)                           \
  {                                                                                                          \
    hmac_##algorithm##_set_key (context, size, key);                                                         \
  }

DEFINE_SET_KEY (sha1)
DEFINE_SET_KEY (sha256)
DEFINE_SET_KEY (sha512)
DEFINE_SET_KEY (ripemd160)
#undef DEFINE_SET_KEY

static const LuksHash hashes[] = {
  { "sha256", &nettle_sha256, &nettle_hmac_sha256, set_key_sha256 },
  { "sha1", &nettle_sha1, &nettle_hmac_sha1, set_key_sha1 },
  { "sha512", &nettle_sha512, &nettle_hmac_sha512, set_key_sha512 },
  { "ripemd160", &nettle_ripemd160, &nettle_hmac_ripemd160, set_key_ripemd160 },
};

const LuksHash *
luks_hash_find (const char *name)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (hashes); i++)
    if (g_ascii_strcasecmp (hashes[i].name, name) == 0)
      return &hashes[i];
  return NULL;
}

const char *
luks_hash_name (const LuksHash *hash)
{
  return hash->name;
}

void
luks_pbkdf2 (const LuksHash *hash, const uint8_t *secret, size_t secret_size, const uint8_t *salt,
             size_t salt_size, uint32_t iterations, uint8_t *out, size_t out_size)
{
  HmacContext context;

  hash->set_key (&context, secret_size, secret);
  pbkdf2 (&context, hash->mac->update, hash->mac->digest, hash->mac->digest_size, iterations, salt_size, salt,
          out_size, out);
  explicit_bzero (&context, sizeof context);
}

static uint64_t
processor_time (void)
{
  struct timespec t;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * G_GUINT64_CONSTANT (1000000000) + (uint64_t)t.tv_nsec;
}

uint32_t
luks_pbkdf2_calibrate (const LuksHash *hash, size_t out_size, unsigned milliseconds)
{
  const uint8_t sample[32] = { 0 };
  uint8_t out[2 * LUKS_MAX_DIGEST];
  uint64_t elapsed = 0, iterations = 1000;

  out_size = MIN (out_size, sizeof out);
  /* A clock that stands still ends this too: some seconds of work at most. */
  for (; iterations < UINT64_C (1) << 24; iterations *= 2)
    {
      uint64_t start = processor_time ();

      luks_pbkdf2 (hash, sample, sizeof sample, sample, sizeof sample, (uint32_t)iterations, out, out_size);
      elapsed = processor_time () - start;
      if (elapsed >= 10 * 1000 * 1000)
        break;
    }

  iterations = (uint64_t)((double)iterations / (double)MAX (elapsed, 1) * milliseconds * 1e6);
  return (uint32_t)CLAMP (iterations, 1000, UINT32_MAX);
}

/* --- anti-forensic splitter --- */

/* The diffuser H1, section 2.4: each digest-sized block becomes the hash of its number and itself. */
static void
diffuse (const LuksHash *hash, uint8_t *block, size_t size)
{
  size_t digest_size = hash->hash->digest_size;
  HashContext context;

  for (size_t start = 0, i = 0; start < size; start += digest_size, i++)
    {
      size_t part = MIN (digest_size, size - start);
      uint8_t number[4];

      store_be32 (number, (uint32_t)i);
      hash->hash->init (&context);
      hash->hash->update (&context, sizeof number, number);
      hash->hash->update (&context, part, block + start);
      hash->hash->digest (&context, part, block + start);
    }
  explicit_bzero (&context, sizeof context);
}

static void
xor_bytes (uint8_t *to, const uint8_t *with, size_t size)
{
  for (size_t i = 0; i < size; i++)
    to[i] ^= with[i];
}

/* What all stripes but the last come to. */
static void
fold_stripes (const LuksHash *hash, const uint8_t *material, size_t size, unsigned stripes, uint8_t *folded)
{
  memset (folded, 0, size);
  for (unsigned i = 0; i + 1 < stripes; i++)
    {
      xor_bytes (folded, material + (size_t)i * size, size);
      diffuse (hash, folded, size);
    }
}

bool
luks_split (const LuksHash *hash, const uint8_t *key, size_t size, unsigned stripes, uint8_t *out)
{
  uint8_t *last = out + (size_t)(stripes - 1) * size;

  if (!secret_random (out, (size_t)(stripes - 1) * size))
    return false;
  fold_stripes (hash, out, size, stripes, last);
  xor_bytes (last, key, size);
  return true;
}

void
luks_merge (const LuksHash *hash, const uint8_t *material, size_t size, unsigned stripes, uint8_t *key)
{
  fold_stripes (hash, material, size, stripes, key);
  xor_bytes (key, material + (size_t)(stripes - 1) * size, size);
}

/* --- sectors --- */

#define BLOCK           AES_BLOCK_SIZE
#define SECTOR_BLOCKS   (SECTOR_CIPHER_SIZE / BLOCK)
#define SECTORS_AT_ONCE 8u
#define XTS_POLYNOMIAL  0x87u

typedef union {
  struct aes128_ctx aes128;
  struct aes192_ctx aes192;
  struct aes256_ctx aes256;
} AesKey;

/* Lives in secret memory. */
struct SectorCipher {
  SectorCipherSpec spec;
  nettle_cipher_func *encrypt, *decrypt; /* any number of blocks */
  AesKey encrypt_key, decrypt_key;
  nettle_cipher_func *iv_encrypt; /* XTS: the tweak; ESSIV: the vector */
  AesKey iv_key;
};

static const struct {
  const char *name;
  SectorCipherSpec spec;
} cipher_modes[] = {
  { "xts-plain64", { SECTOR_CIPHER_XTS, SECTOR_IV_PLAIN64 } },
  { "xts-plain", { SECTOR_CIPHER_XTS, SECTOR_IV_PLAIN } },
  { "cbc-essiv:sha256", { SECTOR_CIPHER_CBC, SECTOR_IV_ESSIV_SHA256 } },
  { "cbc-plain64", { SECTOR_CIPHER_CBC, SECTOR_IV_PLAIN64 } },
  { "cbc-plain", { SECTOR_CIPHER_CBC, SECTOR_IV_PLAIN } },
};

bool
sector_cipher_parse (const char *mode, SectorCipherSpec *spec)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (cipher_modes); i++)
    if (g_ascii_strcasecmp (cipher_modes[i].name, mode) == 0)
      {
        *spec = cipher_modes[i].spec;
        return true;
      }
  return false;
}

bool
sector_cipher_takes (SectorCipherSpec spec, size_t key_size)
{
  if (spec.mode == SECTOR_CIPHER_XTS)
    return key_size == 2 * AES128_KEY_SIZE || key_size == 2 * AES256_KEY_SIZE;
  return key_size == AES128_KEY_SIZE || key_size == AES192_KEY_SIZE || key_size == AES256_KEY_SIZE;
}

static void
set_aes_key (const uint8_t *key, size_t size, AesKey *encrypt, nettle_cipher_func **encrypt_func,
             AesKey *decrypt, nettle_cipher_func **decrypt_func)
{
  const struct nettle_cipher *aes = size == AES128_KEY_SIZE   ? &nettle_aes128
                                    : size == AES192_KEY_SIZE ? &nettle_aes192
                                                              : &nettle_aes256;

  aes->set_encrypt_key (encrypt, key);
  *encrypt_func = aes->encrypt;
  if (decrypt != NULL)
    {
      aes->set_decrypt_key (decrypt, key);
      *decrypt_func = aes->decrypt;
    }
}

SectorCipher *
sector_cipher_new (SectorCipherSpec spec, const uint8_t *key, size_t key_size)
{
  SectorCipher *cipher = secret_memory_new (sizeof *cipher);
  size_t half = spec.mode == SECTOR_CIPHER_XTS ? key_size / 2 : key_size;

  if (cipher == NULL)
    return NULL;

  cipher->spec = spec;
  set_aes_key (key, half, &cipher->encrypt_key, &cipher->encrypt, &cipher->decrypt_key, &cipher->decrypt);
  if (spec.mode == SECTOR_CIPHER_XTS)
    set_aes_key (key + half, half, &cipher->iv_key, &cipher->iv_encrypt, NULL, NULL);
  else if (spec.iv == SECTOR_IV_ESSIV_SHA256)
    {
      struct sha256_ctx sha256;
      uint8_t salt[SHA256_DIGEST_SIZE];

      sha256_init (&sha256);
      sha256_update (&sha256, key_size, key);
      sha256_digest (&sha256, sizeof salt, salt);
      set_aes_key (salt, sizeof salt, &cipher->iv_key, &cipher->iv_encrypt, NULL, NULL);
      explicit_bzero (&sha256, sizeof sha256);
      explicit_bzero (salt, sizeof salt);
    }
  return cipher;
}

void
sector_cipher_free (SectorCipher *cipher)
{
  secret_memory_free (cipher, sizeof *cipher);
}

/* The masks of one sector's blocks: @tweak times 1, α, α², … (IEEE Std 1619-2018, section 5.2). */
static void
xts_masks (const uint8_t *tweak, uint64_t *masks)
{
  uint64_t low = load_le64 (tweak), high = load_le64 (tweak + 8);

  for (unsigned i = 0; i < SECTOR_BLOCKS; i++)
    {
      uint64_t carry = -(high >> 63) & XTS_POLYNOMIAL;

      masks[2 * i] = GUINT64_TO_LE (low);
      masks[2 * i + 1] = GUINT64_TO_LE (high);
      high = high << 1 | low >> 63;
      low = low << 1 ^ carry;
    }
}

static void
xor_masks (uint8_t *data, const uint64_t *masks, size_t n)
{
  for (size_t i = 0; i < n; i++)
    {
      uint64_t word;

      memcpy (&word, data + 8 * i, sizeof word);
      word ^= masks[i];
      memcpy (data + 8 * i, &word, sizeof word);
    }
}

static void
xts_sectors (const SectorCipher *cipher, const uint8_t *tweaks, uint8_t *data, unsigned n, bool encrypt)
{
  uint64_t masks[SECTORS_AT_ONCE * SECTOR_CIPHER_SIZE / sizeof (uint64_t)];
  size_t words = (size_t)n * (SECTOR_CIPHER_SIZE / sizeof (uint64_t)), size = (size_t)n * SECTOR_CIPHER_SIZE;

  for (unsigned i = 0; i < n; i++)
    xts_masks (tweaks + (size_t)i * BLOCK, masks + (size_t)i * (SECTOR_CIPHER_SIZE / sizeof (uint64_t)));
  xor_masks (data, masks, words);
  if (encrypt)
    cipher->encrypt (&cipher->encrypt_key, size, data, data);
  else
    cipher->decrypt (&cipher->decrypt_key, size, data, data);
  xor_masks (data, masks, words);
}

static void
cbc_sectors (const SectorCipher *cipher, uint8_t *ivs, uint8_t *data, unsigned n, bool encrypt)
{
  for (unsigned i = 0; i < n; i++, ivs += BLOCK, data += SECTOR_CIPHER_SIZE)
    if (encrypt)
      cbc_encrypt (&cipher->encrypt_key, cipher->encrypt, BLOCK, ivs, SECTOR_CIPHER_SIZE, data, data);
    else
      cbc_decrypt (&cipher->decrypt_key, cipher->decrypt, BLOCK, ivs, SECTOR_CIPHER_SIZE, data, data);
}

void
sector_cipher_run (const SectorCipher *cipher, uint64_t sector, uint8_t *data, size_t size, bool encrypt)
{
  g_assert (size % SECTOR_CIPHER_SIZE == 0);

  while (size > 0)
    {
      unsigned n = (unsigned)MIN (size / SECTOR_CIPHER_SIZE, SECTORS_AT_ONCE);
      uint8_t ivs[SECTORS_AT_ONCE * BLOCK] = { 0 };

      for (unsigned i = 0; i < n; i++)
        store_le64 (ivs + (size_t)i * BLOCK,
                    cipher->spec.iv == SECTOR_IV_PLAIN ? (uint32_t)(sector + i) : sector + i);
      if (cipher->iv_encrypt != NULL)
        cipher->iv_encrypt (&cipher->iv_key, (size_t)n * BLOCK, ivs, ivs);
      if (cipher->spec.mode == SECTOR_CIPHER_XTS)
        xts_sectors (cipher, ivs, data, n, encrypt);
      else
        cbc_sectors (cipher, ivs, data, n, encrypt);

      sector += n;
      data += (size_t)n * SECTOR_CIPHER_SIZE;
      size -= (size_t)n * SECTOR_CIPHER_SIZE;
    }
}
