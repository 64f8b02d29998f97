/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LUKS1 headers: the primitives against known answers, headers against cryptsetup and qemu-img both ways,
 * passphrases that come and go, and headers that lie. */
#include "devices/image/luks/luks-crypto.h"
#include "devices/image/luks/luks.h"

#include "tests/image/small-disk.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <string.h>
#include <unistd.h>

#define QUICK_MILLISECONDS 1u

static ImageSecret
secret (const char *text)
{
  return (ImageSecret){ (const uint8_t *)text, strlen (text) };
}

static void
run (const char *command, ...)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL, *out = NULL, *err = NULL;
  va_list args;
  int status;

  va_start (args, command);
  line = g_strdup_vprintf (command, args);
  va_end (args);
  if (!g_spawn_command_line_sync (line, &out, &err, &status, &error)
      || !g_spawn_check_wait_status (status, &error))
    g_error ("“%s”: %s %s%s (packages qemu-utils, cryptsetup-bin)", line, error->message, out, err);
}

static ImageStore *
open_file (const char *path, bool read_only)
{
  StoreOptions options = { .read_only = read_only };
  GError *error = NULL;
  ImageStore *store = store_open (NULL, path, &options, &error);

  g_assert_no_error (error);
  return store;
}

/* --- primitives --- */

static void
assert_hex (const uint8_t *data, size_t size, const char *expected)
{
  g_autoptr (GString) hex = g_string_new (NULL);

  for (size_t i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", data[i]);
  g_assert_cmpstr (hex->str, ==, expected);
}

static void
test_pbkdf2 (void)
{
  uint8_t out[32];

  /* RFC 6070, section 2; RFC 7914, section 11. */
  luks_pbkdf2 (luks_hash_find ("sha1"), (const uint8_t *)"password", 8, (const uint8_t *)"salt", 4, 4096, out,
               20);
  assert_hex (out, 20, "4b007901b765489abead49d926f721d065a429c1");
  luks_pbkdf2 (luks_hash_find ("SHA256"), (const uint8_t *)"passwd", 6, (const uint8_t *)"salt", 4, 1, out,
               32);
  assert_hex (out, 32, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  g_assert_null (luks_hash_find ("md5"));
  g_assert_cmpuint (luks_pbkdf2_calibrate (luks_hash_find ("sha256"), 64, 1), >=, 1000);
}

static void
test_splitter (void)
{
  const char *names[] = { "sha1", "sha256", "sha512", "ripemd160" };
  const unsigned sizes[] = { 16, 24, 32, 64 }, stripes[] = { 1, 2, 3, 4000 };

  for (unsigned n = 0; n < G_N_ELEMENTS (names); n++)
    for (unsigned s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (unsigned t = 0; t < G_N_ELEMENTS (stripes); t++)
        {
          const LuksHash *hash = luks_hash_find (names[n]);
          g_autofree uint8_t *split = g_malloc ((size_t)sizes[s] * stripes[t]);
          uint8_t key[64], merged[64];

          g_assert_true (secret_random (key, sizeof key));
          g_assert_true (luks_split (hash, key, sizes[s], stripes[t], split));
          luks_merge (hash, split, sizes[s], stripes[t], merged);
          g_assert_cmpmem (merged, sizes[s], key, sizes[s]);

          split[0] ^= 1; /* one bit of one stripe: nothing of the key is left */
          luks_merge (hash, split, sizes[s], stripes[t], merged);
          g_assert_cmpint (memcmp (merged, key, sizes[s]), !=, 0);
        }
}

/* SHA-256 of 16 sectors that GnuTLS encrypted sector by sector, from a number that crosses 2^32 on. */
static const struct {
  const char *mode;
  size_t key_size;
  const char *digest;
} ciphers[] = {
  { "xts-plain64", 64, "a7832d96e669107953d622266ea557b4bc0210adda1043b6d6d752acc379dc1a" },
  { "xts-plain64", 32, "ed567c4a9d121cb1e4bd17da09b7caa08f3ebd1d0adf593819405c9dc081fad4" },
  { "xts-plain", 64, "f3d9c0c4e1a8f5a50d303273b9a3247ab0198891d74f4ad6fb403beca29b42bb" },
  { "cbc-essiv:sha256", 32, "2381a2a7321e8c9d5c9a37e32281409f8ed6d6e052a17f9d7d2538a39d03a5f6" },
  { "cbc-essiv:sha256", 16, "aa793cdb9da4dd450a9d8577709ccf08ca658e14e1cb4db18cc5c3ab0ff7dca0" },
  { "cbc-plain64", 24, "3bd96b855af5a97386b507df1df0ad3bd0498626bcca7def559a0b8e862c69c1" },
  { "cbc-plain", 32, "4f7b8ca4c7eaf13a40ef6df8d6baab1106c48031d96e050746bfa7cb85f52e4c" },
};

#define FIRST_SECTOR UINT64_C (0x1fffffffb)

static void
test_ciphers (void)
{
  uint8_t key[64], plain[8192], data[8192];
  SectorCipherSpec spec;

  for (unsigned i = 0; i < sizeof key; i++)
    key[i] = (uint8_t)(i * 7 + 1);
  for (unsigned i = 0; i < sizeof plain; i++)
    plain[i] = (uint8_t)(i * 31 + (i >> 8));

  for (unsigned i = 0; i < G_N_ELEMENTS (ciphers); i++)
    {
      g_autofree char *digest = NULL;
      SectorCipher *cipher;

      g_assert_true (sector_cipher_parse (ciphers[i].mode, &spec));
      g_assert_true (sector_cipher_takes (spec, ciphers[i].key_size));
      cipher = sector_cipher_new (spec, key, ciphers[i].key_size);
      memcpy (data, plain, sizeof data);
      sector_cipher_run (cipher, FIRST_SECTOR, data, sizeof data, true);
      digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, sizeof data);
      g_assert_cmpstr (digest, ==, ciphers[i].digest);

      /* In pieces of odd sizes, as guests ask. */
      for (unsigned at = 0, n = 1; at < 16; at += n, n = MIN (n + 1, 16 - at))
        sector_cipher_run (cipher, FIRST_SECTOR + at, data + (size_t)at * 512, (size_t)n * 512, false);
      g_assert_cmpmem (data, sizeof data, plain, sizeof plain);
      sector_cipher_free (cipher);
    }
  g_assert_false (sector_cipher_parse ("ecb", &spec));
  g_assert_false (sector_cipher_takes ((SectorCipherSpec){ SECTOR_CIPHER_XTS, SECTOR_IV_PLAIN64 }, 48));
}

/* --- passphrases --- */

static void
new_header (const char *path, const char *passphrase)
{
  g_autoptr (ImageStore) store = NULL;
  ImageSecret first = secret (passphrase);
  GError *error = NULL;
  Luks *luks;

  store = store_create (path, &error);
  g_assert_no_error (error);
  luks = luks_create (store, 0, &first, QUICK_MILLISECONDS, &error);
  g_assert_no_error (error);
  g_assert_true (luks_is_unlocked (luks));
  luks_free (luks);
  g_assert_cmpuint (store_size (store), ==, LUKS_HEADER_SIZE);
}

static bool
unlocks (ImageStore *store, const char *passphrase)
{
  ImageSecret s = secret (passphrase);
  g_autoptr (GError) error = NULL;
  g_autoptr (Luks) luks = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  bool unlocked;

  g_assert_no_error (error);
  unlocked = luks_unlock (luks, &s, NULL, &error);
  if (!unlocked)
    g_assert_error (error, VMM_ERROR, VMM_ERROR_PERMISSION);
  g_assert_true (unlocked == luks_is_unlocked (luks));
  return unlocked;
}

/* A key that was derived once isn't derived again: the slots may even be gone. Other passphrases stay wrong.
 */
static void
test_keys_are_kept (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "header", NULL);
  g_autofree uint8_t *nothing = g_malloc0 (LUKS_HEADER_SIZE - 4096);
  ImageSecret right = secret ("right"), wrong = secret ("wrong"), other = secret ("other");
  uint8_t first[LUKS_SECTOR_SIZE] = { 1, 2, 3 }, second[LUKS_SECTOR_SIZE] = { 1, 2, 3 };
  g_autoptr (ImageKeys) keys = image_keys_new ();
  g_autoptr (ImageStore) store = NULL;
  g_autoptr (Luks) luks = NULL, again = NULL;
  GError *error = NULL;

  new_header (path, "right");
  store = open_file (path, false);
  luks = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_no_error (error);
  g_assert_false (luks_unlock (luks, &wrong, keys, NULL));
  g_assert_true (luks_unlock (luks, &right, keys, &error));
  g_assert_cmpint (store_write (store, 4096, nothing, LUKS_HEADER_SIZE - 4096), ==, 0);

  again = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_no_error (error);
  g_assert_false (luks_unlock (again, &right, NULL, NULL));
  g_assert_false (luks_unlock (again, &wrong, keys, NULL));
  g_assert_true (luks_unlock (again, &right, keys, &error));
  luks_crypt (luks, 5, first, sizeof first, true);
  luks_crypt (again, 5, second, sizeof second, true);
  g_assert_cmpmem (first, sizeof first, second, sizeof second);

  /* Nor to know which slot a passphrase is to leave. */
  g_assert_false (luks_change_secret (again, &right, &other, QUICK_MILLISECONDS, NULL, NULL));
  g_assert_true (luks_change_secret (again, &right, &other, QUICK_MILLISECONDS, keys, &error));
  g_assert_true (unlocks (store, "other"));
  g_assert_cmpuint (luks_n_secrets (again), ==, 1);
  g_clear_pointer (&store, store_close);
  scratch_free (g_steal_pointer (&folder));
}

static void
test_passphrases (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "header", NULL);
  ImageSecret one = secret ("one"), two = secret ("two"), three = secret ("three"), none = secret ("");
  g_autoptr (GError) error = NULL;
  g_autoptr (ImageStore) store = NULL;
  g_autoptr (ImageKeys) keys = image_keys_new ();
  g_autoptr (Luks) luks = NULL;

  new_header (path, "one");
  store = open_file (path, false);
  g_assert_true (unlocks (store, "one"));
  g_assert_false (unlocks (store, "One"));
  g_assert_false (unlocks (store, ""));

  luks = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_no_error (error);
  g_assert_false (luks_add_secret (luks, &two, QUICK_MILLISECONDS, &error)); /* locked */
  g_assert_error (error, VMM_ERROR, VMM_ERROR_PERMISSION);
  g_clear_error (&error);
  g_assert_true (luks_unlock (luks, &one, keys, &error));
  g_assert_false (luks_add_secret (luks, &none, QUICK_MILLISECONDS, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (luks_remove_secret (luks, &one, NULL, &error)); /* the last one */
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_true (luks_add_secret (luks, &two, QUICK_MILLISECONDS, &error));
  g_assert_true (unlocks (store, "one") && unlocks (store, "two"));
  g_assert_true (luks_change_secret (luks, &one, &three, QUICK_MILLISECONDS, keys, &error));
  g_assert_no_error (error);
  g_assert_true (!unlocks (store, "one") && unlocks (store, "two") && unlocks (store, "three"));
  g_assert_true (luks_remove_secret (luks, &two, keys, &error));
  g_assert_true (!unlocks (store, "two") && unlocks (store, "three"));

  while (luks_n_secrets (luks) < LUKS_SLOTS)
    g_assert_true (luks_add_secret (luks, &one, QUICK_MILLISECONDS, &error));
  g_assert_false (luks_add_secret (luks, &two, QUICK_MILLISECONDS, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_RESOURCE);
  g_assert_true (unlocks (store, "one") && unlocks (store, "three"));

  scratch_free (g_steal_pointer (&folder));
}

/* Copies of a header follow what becomes of its passphrases; headers of other keys don't. */
static void
test_adoption (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "header", NULL);
  g_autofree char *copy_path = g_build_filename (folder, "copy", NULL),
                  *other_path = g_build_filename (folder, "other", NULL);
  ImageSecret one = secret ("one"), two = secret ("two"), three = secret ("three");
  g_autoptr (GError) error = NULL;
  g_autoptr (ImageStore) store = NULL, copy_store = NULL, other_store = NULL;
  g_autoptr (Luks) luks = NULL, copy = NULL, other = NULL;

  new_header (path, "one");
  new_header (other_path, "one");
  run ("cp %s %s", path, copy_path);
  store = open_file (path, false);
  copy_store = open_file (copy_path, false);
  other_store = open_file (other_path, false);
  luks = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  copy = luks_open (copy_store, 0, LUKS_HEADER_SIZE, &error);
  other = luks_open (other_store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_no_error (error);
  g_assert_false (luks_unlock_by (copy, luks)); /* which is locked itself */
  g_assert_true (luks_unlock (luks, &one, NULL, &error));
  g_assert_false (luks_adopt_secrets (copy, luks, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_PERMISSION);
  g_clear_error (&error);
  g_assert_false (luks_unlock_by (other, luks));
  g_assert_true (luks_unlock_by (copy, luks));

  for (unsigned turn = 0; turn < LUKS_SLOTS; turn++)
    {
      g_assert_true (luks_add_secret (luks, &two, QUICK_MILLISECONDS, &error));
      g_assert_true (luks_change_secret (luks, &one, &three, QUICK_MILLISECONDS, NULL, &error));
      g_assert_true (luks_adopt_secrets (copy, luks, &error));
      g_assert_no_error (error);
      g_assert_true (!unlocks (copy_store, "one") && unlocks (copy_store, "two")
                     && unlocks (copy_store, "three"));
      g_assert_true (luks_change_secret (luks, &three, &one, QUICK_MILLISECONDS, NULL, &error));
      g_assert_true (luks_remove_secret (luks, &two, NULL, &error));
      g_assert_true (luks_adopt_secrets (copy, luks, &error));
      g_assert_true (unlocks (copy_store, "one") && !unlocks (copy_store, "two")
                     && !unlocks (copy_store, "three"));
    }
  g_clear_pointer (&store, store_close);
  g_clear_pointer (&copy_store, store_close);
  g_clear_pointer (&other_store, store_close);
  scratch_free (g_steal_pointer (&folder));
}

/* Also of one that nobody can unlock: then nobody can ever again, though the header says what it was. */
static void
test_shredding (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "header", NULL);
  g_autofree uint8_t *before = g_malloc0 (LUKS_HEADER_SIZE), *after = g_malloc0 (LUKS_HEADER_SIZE);
  ImageSecret one = secret ("one"), two = secret ("two");
  g_autoptr (GError) error = NULL;
  g_autoptr (ImageStore) store = NULL;
  g_autoptr (Luks) luks = NULL, locked = NULL;
  unsigned same = 0;

  new_header (path, "one");
  store = open_file (path, false);
  luks = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_true (luks_unlock (luks, &one, NULL, &error));
  g_assert_true (luks_add_secret (luks, &two, QUICK_MILLISECONDS, &error));
  g_assert_cmpint (store_read (store, 0, before, LUKS_HEADER_SIZE), ==, 0);
  locked = luks_open (store, 0, LUKS_HEADER_SIZE, &error);
  g_assert_cmpuint (luks_n_secrets (locked), ==, 2);
  g_assert_true (luks_shred (locked, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (luks_n_secrets (locked), ==, 0);
  g_assert_false (unlocks (store, "one") || unlocks (store, "two"));
  /* What both keys were made of is noise. */
  g_assert_cmpint (store_read (store, 0, after, LUKS_HEADER_SIZE), ==, 0);
  for (unsigned i = 4096; i < 4096 + 2 * 64 * 4000; i++)
    same += before[i] == after[i];
  g_assert_cmpuint (same, <, 2 * 64 * 4000 / 100);
  g_clear_pointer (&store, store_close);
  scratch_free (g_steal_pointer (&folder));
}

/* --- peers --- */

static void
test_peers_read_ours (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "ours", NULL);
  g_autofree char *key = g_build_filename (folder, "key", NULL),
                  *plain = g_build_filename (folder, "plain", NULL);
  g_autofree char *found = NULL;
  ImageSecret passphrase = secret ("mellon");
  uint8_t data[4096];
  size_t size;

  new_header (path, "mellon");
  {
    g_autoptr (ImageStore) store = open_file (path, false);
    g_autoptr (Luks) luks = luks_open (store, 0, LUKS_HEADER_SIZE, NULL);

    g_assert_true (luks_unlock (luks, &passphrase, NULL, NULL));
    memset (data, 0x5a, sizeof data);
    luks_crypt (luks, 0, data, sizeof data, true);
    g_assert_cmpint (store_write (store, luks_payload_offset (luks), data, sizeof data), ==, 0);
  }

  g_assert_true (g_file_set_contents (key, "mellon", -1, NULL));
  run ("cryptsetup luksDump %s", path);
  run ("cryptsetup open --test-passphrase --key-file %s %s", key, path);
  run ("qemu-img convert --object secret,id=s,file=%s --image-opts driver=luks,key-secret=s,file.filename=%s "
       "-O raw %s",
       key, path, plain);
  g_assert_true (g_file_get_contents (plain, &found, &size, NULL));
  g_assert_cmpuint (size, ==, sizeof data);
  for (size_t i = 0; i < size; i++)
    g_assert_cmphex ((uint8_t)found[i], ==, 0x5a);

  scratch_free (g_steal_pointer (&folder));
}

/* Key material of 24-byte keys ends within a sector, at which qemu-io 7.2 aborts. */
#define UNALIGNED_BITS 192u

/* As cryptsetup writes headers; qemu-io writes the payload. */
static const struct {
  const char *cipher, *hash;
  unsigned bits;
} peer_headers[] = {
  { "aes-xts-plain64", "sha256", 512 },    { "aes-xts-plain64", "sha512", 256 },
  { "aes-cbc-essiv:sha256", "sha1", 128 }, { "aes-cbc-essiv:sha256", "sha256", 256 },
  { "aes-cbc-plain64", "sha512", 256 },    { "aes-xts-plain", "ripemd160", 512 },
  { "aes-cbc-plain64", "sha256", 192 },
};

static void
test_we_read_peers (void)
{
  g_autofree char *folder = scratch_new (), *key = g_build_filename (folder, "key", NULL);
  ImageSecret passphrase = secret ("mellon");

  g_assert_true (g_file_set_contents (key, "mellon", -1, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (peer_headers); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/peer-%u", folder, i);
      g_autoptr (GError) error = NULL;
      g_autoptr (ImageStore) store = NULL;
      g_autoptr (Luks) luks = NULL;
      uint8_t data[2048];

      g_assert_true (g_file_set_contents (path, "", 0, NULL));
      g_assert_cmpint (truncate (path, 4 * 1024 * 1024), ==, 0);
      run ("cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --cipher %s --key-size %u "
           "--hash %s "
           "%s %s",
           peer_headers[i].cipher, peer_headers[i].bits, peer_headers[i].hash, path, key);
      if (peer_headers[i].bits != UNALIGNED_BITS)
        run ("qemu-io --object secret,id=s,file=%s -c 'write -P 0xa7 3072 2048' --image-opts "
             "driver=luks,key-secret=s,file.filename=%s",
             key, path);

      store = open_file (path, true);
      luks = luks_open (store, 0, store_size (store), &error);
      g_assert_no_error (error);
      g_assert_cmpstr (luks_cipher (luks), ==, peer_headers[i].cipher);
      g_assert_cmpuint (luks_key_bits (luks), ==, peer_headers[i].bits);
      g_assert_cmpuint (luks_n_secrets (luks), ==, 1);
      g_assert_true (luks_unlock (luks, &passphrase, NULL, &error));
      if (peer_headers[i].bits == UNALIGNED_BITS)
        continue;
      g_assert_cmpint (store_read (store, luks_payload_offset (luks) + 3072, data, sizeof data), ==, 0);
      luks_crypt (luks, 6, data, sizeof data, false);
      for (unsigned b = 0; b < sizeof data; b++)
        g_assert_cmphex (data[b], ==, 0xa7);
    }
  scratch_free (g_steal_pointer (&folder));
}

/* --- headers that lie --- */

static const struct {
  unsigned at, size;
  uint32_t value;
  VmmError code;
  const char *names; /* what the message must name */
} lies[] = {
  { 0, 4, 0, VMM_ERROR_INVALID, "magic" },
  { 6, 2, 2, VMM_ERROR_UNSUPPORTED, "version 2" },
  { 8, 4, 0x74776f66, VMM_ERROR_UNSUPPORTED, "twof-xts-plain64" },
  { 40, 4, 0x78747300, VMM_ERROR_UNSUPPORTED, "aes-xts," },
  { 40, 4, 0, VMM_ERROR_INVALID, "cipher mode is empty" },
  { 8, 4, 0x01020304, VMM_ERROR_INVALID, "cipher name is no text" },
  { 72, 4, 0x6d643500, VMM_ERROR_UNSUPPORTED, "md5" },
  { 108, 4, 0, VMM_ERROR_INVALID, "key of 0 bytes" },
  { 108, 4, 65, VMM_ERROR_INVALID, "key of 65 bytes" },
  { 108, 4, 0xffffffff, VMM_ERROR_INVALID, "key of 4294967295 bytes" },
  { 164, 4, 0, VMM_ERROR_INVALID, "digest asks for 0" },
  { 164, 4, 0xffffffff, VMM_ERROR_INVALID, "digest asks for 4294967295" },
  { 208, 4, 1, VMM_ERROR_INVALID, "slot 0 is neither" },
  { 212, 4, 0, VMM_ERROR_INVALID, "slot 0 asks for 0" },
  { 212, 4, 0x80000000, VMM_ERROR_INVALID, "slot 0 asks for 2147483648" },
  { 248, 4, 0, VMM_ERROR_INVALID, "material of slot 0" },
  { 248, 4, 0xffffffff, VMM_ERROR_INVALID, "material of slot 0" },
  { 248, 4, 4040, VMM_ERROR_INVALID, "material of slot 0" },
  { 252, 4, 0, VMM_ERROR_INVALID, "material of slot 0" },
  { 252, 4, 0x40000000, VMM_ERROR_INVALID, "material of slot 0" },
};

static void
test_lies (void)
{
  g_autofree char *folder = scratch_new (), *path = g_build_filename (folder, "header", NULL);
  g_autoptr (ImageStore) store = NULL;
  uint8_t good[592], bad[592];

  new_header (path, "one");
  store = open_file (path, false);
  g_assert_cmpint (store_read (store, 0, good, sizeof good), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GError) error = NULL;

      memcpy (bad, good, sizeof bad);
      if (lies[i].size == 2)
        store_be16 (bad + lies[i].at, (uint16_t)lies[i].value);
      else
        store_be32 (bad + lies[i].at, lies[i].value);
      g_assert_cmpint (store_write (store, 0, bad, sizeof bad), ==, 0);
      g_assert_null (luks_open (store, 0, LUKS_HEADER_SIZE, &error));
      g_assert_error (error, VMM_ERROR, (int)lies[i].code);
      if (strstr (error->message, lies[i].names) == NULL || strstr (error->message, path) == NULL)
        g_error ("lie %u: “%s” does not name “%s”", i, error->message, lies[i].names);
    }

  /* Two slots on the same material. */
  memcpy (bad, good, sizeof bad);
  memcpy (bad + 208 + 48, bad + 208, 48);
  g_assert_cmpint (store_write (store, 0, bad, sizeof bad), ==, 0);
  g_assert_null (luks_open (store, 0, LUKS_HEADER_SIZE, NULL));

  g_assert_cmpint (store_write (store, 0, good, sizeof good), ==, 0);
  g_assert_null (luks_open (store, 0, 591, NULL));
  g_assert_null (luks_open (store, LUKS_HEADER_SIZE - 100, LUKS_HEADER_SIZE, NULL));
  g_assert_null (luks_open (store, UINT64_MAX - 10, LUKS_HEADER_SIZE, NULL));
  g_assert_true (unlocks (store, "one"));
  scratch_free (g_steal_pointer (&folder));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/luks/pbkdf2", test_pbkdf2);
  g_test_add_func ("/luks/splitter", test_splitter);
  g_test_add_func ("/luks/ciphers", test_ciphers);
  g_test_add_func ("/luks/passphrases", test_passphrases);
  g_test_add_func ("/luks/adoption", test_adoption);
  g_test_add_func ("/luks/shredding", test_shredding);
  g_test_add_func ("/luks/keys-are-kept", test_keys_are_kept);
  g_test_add_func ("/luks/peers-read-ours", test_peers_read_ours);
  g_test_add_func ("/luks/we-read-peers", test_we_read_peers);
  g_test_add_func ("/luks/lies", test_lies);
  return g_test_run ();
}
