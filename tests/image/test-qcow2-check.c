/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking qcow2 images: sound ones of every geometry, one for each kind of damage, and random damage.
 * Verdicts and figures are those of qemu-img, and what was repaired is sound for it too. */
#include "devices/image/layer.h"

#include "tests/image/memory-store.h"
#include "tests/image/peer.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <string.h>

#define LIMIT     (UINT64_C (1) << 41)
#define DISK_SIZE (UINT64_C (8) << 20)

static EventLoop *loop;

/* --- images --- */

static Image *
open_medium (Medium *medium, bool lenient, GError **error)
{
  ImageOptions options = { .format = "qcow2", .lenient = lenient, .no_backing = true };

  return image_open_store (loop, memory_store_new (loop, medium, medium_path (medium), false), &options,
                           error);
}

static void
write_some (Image *image, uint64_t offset, uint64_t length, unsigned value)
{
  g_autofree uint8_t *data = g_malloc (length);

  memset (data, (int)value, length);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, offset, data, length), ==, 0);
}

/* Compressed clusters, as a conversion writes them. */
static void
write_codes (Medium *medium)
{
  g_autofree char *source = g_strdup_printf ("driver=qcow2,file.filename=%s", medium_path (medium));
  const char *argv[] = { "qemu-io", "-c", "write -c -P 9 6M 2M", "--image-opts", source, NULL };
  g_autofree char *output = NULL;

  if (peer_run (argv, &output) != 0)
    g_error ("%s", output);
}

static Medium *
new_image (const ImageCreateOptions *wanted)
{
  ImageCreateOptions options = *wanted;
  Medium *medium = medium_new (LIMIT);
  g_autoptr (GError) error = NULL;
  ImageStore *store = memory_store_new (NULL, medium, "new", false);
  Image *image;

  options.size = DISK_SIZE;
  g_assert_true (image_qcow2.create (store, &options, &error));
  store_close (store);
  image = open_medium (medium, false, &error);
  g_assert_no_error (error);
  write_some (image, 0, 1 << 20, 1);
  write_some (image, 3 << 20, 300 << 10, 2);
  write_some (image, 5 << 20, 100, 3);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 4 << 20, NULL, 512 << 10), ==, 0);
  g_assert_cmpint (image_run (image, IMAGE_DISCARD, 128 << 10, NULL, 128 << 10), ==, 0);
  image_close (image);
  write_codes (medium);
  return medium;
}

static uint8_t *
content (Medium *medium)
{
  uint8_t *data = g_malloc (DISK_SIZE);
  Image *image = open_medium (medium, false, NULL);

  g_assert_nonnull (image);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, data, DISK_SIZE), ==, 0);
  image_close (image);
  return data;
}

/* --- verdicts --- */

typedef enum {
  CLEAN,
  LEAKS,
  CORRUPT,
  REFUSED,
} Verdict;

static void
remember (const char *text, void *data)
{
  g_string_append_printf (data, "%s\n", text);
}

static Verdict
our_verdict (Medium *medium, bool repair, ImageCheck *check, GString *told)
{
  g_autoptr (GError) error = NULL;
  Image *image = open_medium (medium, true, &error);

  *check = (ImageCheck){ .repair = repair, .finding = remember, .data = told };
  if (image == NULL)
    return REFUSED;
  if (!image_check (image, check, &error))
    g_error ("the check failed: %s", error->message);
  image_close (image);
  return check->corruptions > 0 ? CORRUPT : check->leaks > 0 ? LEAKS : CLEAN;
}

static uint64_t
figure (const char *json, const char *name)
{
  g_autofree char *key = g_strdup_printf ("\"%s\": ", name);
  const char *found = strstr (json, key);

  return found != NULL ? g_ascii_strtoull (found + strlen (key), NULL, 10) : 0;
}

/* qemu-img(1), "check": 0 clean, 1 it could not be checked, 2 corrupt, 3 leaks. */
static Verdict
peer_verdict (Medium *medium, char **json)
{
  const char *argv[] = { "qemu-img", "check", "--output=json", "-f", "qcow2", medium_path (medium), NULL };
  int status = peer_run (argv, json);

  return status == 0 ? CLEAN : status == 3 ? LEAKS : status == 2 ? CORRUPT : REFUSED;
}

static void
assert_sound (Medium *medium, const char *what)
{
  g_autoptr (GString) told = g_string_new (NULL);
  g_autofree char *json = NULL;
  ImageCheck check;

  if (our_verdict (medium, false, &check, told) != CLEAN)
    g_error ("%s: not sound: %s", what, told->str);
  if (peer_verdict (medium, &json) != CLEAN)
    g_error ("%s: not sound for qemu-img: %s", what, json);
}

/* --- sound images --- */

static const ImageCreateOptions geometries[] = {
  { .cluster_size = 512 },
  { .cluster_size = 4096, .version = 2 },
  { .cluster_size = 65536, .lazy_refcounts = true },
  { .cluster_size = 2 << 20 },
  { .cluster_size = 16384, .extended_l2 = true },
  { .cluster_size = 131072, .extended_l2 = true, .compression = "zstd" },
};

static void
test_figures (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (geometries); i++)
    {
      g_autoptr (Medium) medium = new_image (&geometries[i]);
      g_autoptr (GString) told = g_string_new (NULL);
      g_autofree char *json = NULL;
      ImageCheck check;

      if (our_verdict (medium, false, &check, told) != CLEAN)
        g_error ("geometry %u: %s", i, told->str);
      g_assert_cmpint (peer_verdict (medium, &json), ==, CLEAN);
      g_assert_cmpuint (check.allocated_clusters, ==, figure (json, "allocated-clusters"));
      g_assert_cmpuint (check.total_clusters, ==, figure (json, "total-clusters"));
      g_assert_cmpuint (check.compressed_clusters, ==, figure (json, "compressed-clusters"));
      g_assert_cmpuint (check.fragmented_clusters, ==, figure (json, "fragmented-clusters"));
      g_assert_cmpuint (check.image_end, ==, figure (json, "image-end-offset"));
      g_assert_cmpuint (check.allocated_clusters, >, 0);
    }
}

/* --- one damage each --- */

static uint64_t
get64 (Medium *medium, uint64_t at)
{
  uint8_t raw[8];

  g_assert_cmpint (medium_read (medium, at, raw, sizeof raw), ==, 0);
  return load_be64 (raw);
}

static void
put64 (Medium *medium, uint64_t at, uint64_t value)
{
  uint8_t raw[8];

  store_be64 (raw, value);
  g_assert_cmpint (medium_write (medium, at, raw, sizeof raw), ==, 0);
}

#define OFFSET UINT64_C (0x00fffffffffffe00)

static uint64_t
l1_at (Medium *medium)
{
  return get64 (medium, 40);
}

static uint64_t
l2_at (Medium *medium)
{
  return get64 (medium, l1_at (medium)) & OFFSET;
}

static uint64_t
reftable_at (Medium *medium)
{
  return get64 (medium, 48);
}

static uint64_t
block_at (Medium *medium)
{
  return get64 (medium, reftable_at (medium));
}

static void
put_count (Medium *medium, uint64_t offset, uint16_t count)
{
  uint8_t raw[2];

  store_be16 (raw, count);
  g_assert_cmpint (medium_write (medium, block_at (medium) + (offset >> 16) * 2, raw, sizeof raw), ==, 0);
}

static void
count_a_free_cluster (Medium *medium)
{
  put_count (medium, medium_size (medium) - 1, 1); /* the last one is not full: it is counted already */
  put_count (medium, (medium_size (medium) + 0xffff) & ~UINT64_C (0xffff), 1);
}

static void
count_twice (Medium *medium)
{
  put_count (medium, get64 (medium, l2_at (medium)) & OFFSET, 2);
}

static void
forget_a_count (Medium *medium)
{
  put_count (medium, get64 (medium, l2_at (medium)) & OFFSET, 0);
}

static void
forget_the_header (Medium *medium)
{
  put_count (medium, 0, 0);
}

static void
forget_a_flag (Medium *medium)
{
  put64 (medium, l2_at (medium), get64 (medium, l2_at (medium)) & OFFSET);
}

static void
forget_an_l1_flag (Medium *medium)
{
  put64 (medium, l1_at (medium), l2_at (medium));
}

static void
point_behind_the_end (Medium *medium)
{
  put64 (medium, l2_at (medium), UINT64_C (1) << 63 | UINT64_C (1) << 40);
}

static void
point_between_clusters (Medium *medium)
{
  put64 (medium, l2_at (medium), get64 (medium, l2_at (medium)) + 512);
}

static void
point_to_l1 (Medium *medium)
{
  put64 (medium, l2_at (medium), UINT64_C (1) << 63 | l1_at (medium));
}

static void
point_twice (Medium *medium)
{
  put64 (medium, l2_at (medium) + 8, get64 (medium, l2_at (medium)));
}

static void
set_reserved_bits (Medium *medium)
{
  put64 (medium, l2_at (medium), get64 (medium, l2_at (medium)) | 6);
}

static void
flag_a_code (Medium *medium)
{
  uint64_t at = l2_at (medium) + (6 << 20 >> 16) * 8;

  g_assert_true (get64 (medium, at) & UINT64_C (1) << 62);
  put64 (medium, at, get64 (medium, at) | UINT64_C (1) << 63);
}

static void
move_a_code_out (Medium *medium)
{
  uint64_t at = l2_at (medium) + (6 << 20 >> 16) * 8;

  put64 (medium, at, get64 (medium, at) | UINT64_C (1) << 40);
}

static void
lose_l2 (Medium *medium)
{
  put64 (medium, l1_at (medium), UINT64_C (1) << 63 | UINT64_C (1) << 44);
}

static void
lay_l2_on_l1 (Medium *medium)
{
  put64 (medium, l1_at (medium), UINT64_C (1) << 63 | l1_at (medium));
}

static void
lose_block (Medium *medium)
{
  put64 (medium, reftable_at (medium), 0);
}

static void
misplace_block (Medium *medium)
{
  put64 (medium, reftable_at (medium), block_at (medium) + 0x200);
}

static void
lay_block_on_l2 (Medium *medium)
{
  put64 (medium, reftable_at (medium), l2_at (medium));
}

static void
lay_reftable_on_l1 (Medium *medium)
{
  put64 (medium, 48, l1_at (medium));
}

static void
use_a_block_twice (Medium *medium)
{
  put64 (medium, reftable_at (medium) + 8, block_at (medium));
}

static void
say_dirty (Medium *medium)
{
  put64 (medium, 72, 1);
  forget_a_count (medium);
  forget_the_header (medium);
}

static void
say_corrupt (Medium *medium)
{
  put64 (medium, 72, 2);
  forget_a_flag (medium);
}

static const struct {
  const char *name;
  void (*damage) (Medium *medium);
  Verdict verdict;
  bool keeps_content; /* a repair loses nothing */
} damages[] = {
  { "a free cluster is counted", count_a_free_cluster, LEAKS, true },
  { "a cluster is counted twice", count_twice, CORRUPT, true },
  { "a cluster is not counted", forget_a_count, CORRUPT, true },
  { "the header is not counted", forget_the_header, CORRUPT, true },
  { "no flag", forget_a_flag, CORRUPT, true },
  { "no flag in L1", forget_an_l1_flag, CORRUPT, true },
  { "an entry points behind the end", point_behind_the_end, CORRUPT, false },
  { "an entry points between clusters", point_between_clusters, CORRUPT, false },
  { "an entry points to L1", point_to_l1, CORRUPT, false },
  { "two entries point to one cluster", point_twice, CORRUPT, false },
  { "reserved bits", set_reserved_bits, CORRUPT, true },
  { "a flag on a code", flag_a_code, CORRUPT, true },
  { "a code behind the end", move_a_code_out, CORRUPT, false },
  { "L2 behind the end", lose_l2, CORRUPT, false },
  { "L2 on L1", lay_l2_on_l1, CORRUPT, false },
  { "no block", lose_block, CORRUPT, true },
  { "a block between clusters", misplace_block, CORRUPT, true },
  { "a block on L2", lay_block_on_l2, CORRUPT, true },
  { "the refcount table on L1", lay_reftable_on_l1, CORRUPT, true },
  { "a block twice", use_a_block_twice, CORRUPT, true },
  { "dirty", say_dirty, CORRUPT, true },
  { "corrupt", say_corrupt, CORRUPT, true },
};

static void
test_damages (void)
{
  g_autoptr (Medium) sound = new_image (&(ImageCreateOptions){ .cluster_size = 65536 });
  g_autofree uint8_t *before = content (sound);

  for (unsigned i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (Medium) medium = medium_copy (sound);
      g_autoptr (GString) told = g_string_new (NULL);
      g_autofree uint8_t *after = NULL;
      ImageCheck check;

      damages[i].damage (medium);
      if (our_verdict (medium, false, &check, told) != damages[i].verdict)
        g_error ("%s: verdict %d instead of %d: %s", damages[i].name,
                 our_verdict (medium, false, &check, told), damages[i].verdict, told->str);
      g_assert_cmpuint (check.repaired, ==, 0);
      g_assert_cmpuint (told->len, >, 0);

      our_verdict (medium, true, &check, told);
      g_assert_cmpuint (check.repaired, ==, check.corruptions + check.leaks);
      assert_sound (medium, damages[i].name);
      g_assert_cmphex (get64 (medium, 72), ==, 0);
      after = content (medium);
      if (damages[i].keeps_content && memcmp (before, after, DISK_SIZE) != 0)
        g_error ("%s: a repair changed what the disk holds", damages[i].name);
    }
}

/* A program died on it: it is repaired by opening it. */
static void
test_dirty (void)
{
  g_autoptr (Medium) medium =
    new_image (&(ImageCreateOptions){ .cluster_size = 65536, .lazy_refcounts = true });
  g_autofree uint8_t *before = content (medium), *after = NULL;

  say_dirty (medium);
  after = content (medium);
  g_assert_cmpmem (before, DISK_SIZE, after, DISK_SIZE);
  assert_sound (medium, "dirty");
  g_assert_cmphex (get64 (medium, 72), ==, 0);
}

/* --- random damage --- */

#define RANDOM_DAMAGES 60

static void
damage_somewhere (Medium *medium, Medium *sound, GRand *random)
{
  const uint64_t tables[] = { l1_at (sound), l2_at (sound), l2_at (sound), reftable_at (sound),
                              block_at (sound) };
  uint64_t at = tables[g_rand_int_range (random, 0, G_N_ELEMENTS (tables))], value;

  if (at != tables[0] && at != tables[3])
    at += (uint64_t)g_rand_int_range (random, 0, 128) * 8;
  value = get64 (medium, at);
  switch (g_rand_int_range (random, 0, 4))
    {
    case 0:
      value ^= UINT64_C (1) << g_rand_int_range (random, 0, 64);
      break;
    case 1:
      value = get64 (medium, tables[1] + (uint64_t)g_rand_int_range (random, 0, 128) * 8);
      break;
    case 2:
      value =
        (uint64_t)g_rand_int_range (random, 0, 64) << 16 | (uint64_t)g_rand_int_range (random, 0, 4) << 62;
      break;
    default:
      value = 0;
    }
  put64 (medium, at, value);
}

/* Leaks behind the end of the file are none for the peer, and it lets a flag pass that has no offset beside
 * it. */
static bool
same_verdict (Verdict ours, Verdict peers, const char *told)
{
  return ours == peers || (ours == LEAKS && peers == CLEAN) || (ours == CORRUPT && peers == REFUSED)
         || (ours == CORRUPT
             && (strstr (told, "has no place") != NULL || strstr (told, "0x8000000000000000") != NULL));
}

static void
test_random_damage (void)
{
  g_autoptr (Medium) sound = new_image (&(ImageCreateOptions){ .cluster_size = 65536 });
  GRand *random = g_rand_new_with_seed (g_test_rand_int ());

  for (unsigned i = 0; i < RANDOM_DAMAGES; i++)
    {
      g_autoptr (Medium) medium = medium_copy (sound);
      g_autoptr (GString) told = g_string_new (NULL);
      g_autofree char *json = NULL;
      Verdict ours, peers;
      ImageCheck check;

      for (int n = g_rand_int_range (random, 1, 4); n > 0; n--)
        damage_somewhere (medium, sound, random);
      ours = our_verdict (medium, false, &check, told);
      peers = peer_verdict (medium, &json);
      if (!same_verdict (ours, peers, told->str))
        g_error ("damage %u: we say %d, qemu-img %d: %s%s", i, ours, peers, told->str, json);
      our_verdict (medium, true, &check, told);
      g_assert_cmpuint (check.repaired, ==, check.corruptions + check.leaks);
      assert_sound (medium, "random damage");
    }
  g_rand_free (random);
}

/* --- files that ask for too much, and owners who changed their mind --- */

/* A file with holes of terabytes, and entries all over them. */
static void
test_far_away (void)
{
  g_autoptr (Medium) medium = new_image (&(ImageCreateOptions){ .cluster_size = 65536 });
  g_autoptr (GString) told = g_string_new (NULL);
  uint64_t l2 = l2_at (medium), last = 0;
  ImageCheck check;

  for (unsigned i = 0; i < 16; i++)
    put64 (medium, l2 + (uint64_t)i * 8, UINT64_C (1) << 63 | (last = (uint64_t)(i + 1) << 36));
  g_assert_cmpint (medium_resize (medium, last + 65536), ==, 0);
  g_assert_cmpint (our_verdict (medium, false, &check, told), ==, CORRUPT);
  our_verdict (medium, true, &check, told);
  g_assert_cmpuint (check.repaired, ==, check.corruptions + check.leaks);
  assert_sound (medium, "far away");
  g_assert_cmpuint (medium_allocated (medium), <, 64 << 20);
}

static void
test_cancelled (void)
{
  g_autoptr (Medium) medium = new_image (&geometries[0]);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  ImageCheck check = { .cancellable = cancellable };
  g_autoptr (GError) error = NULL;
  Image *image = open_medium (medium, true, NULL);

  g_cancellable_cancel (cancellable);
  g_assert_false (image_check (image, &check, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  image_close (image);
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  loop = loop_new ("test", NULL);
  g_test_add_func ("/qcow2-check/figures", test_figures);
  g_test_add_func ("/qcow2-check/damages", test_damages);
  g_test_add_func ("/qcow2-check/dirty", test_dirty);
  g_test_add_func ("/qcow2-check/random-damage", test_random_damage);
  g_test_add_func ("/qcow2-check/far-away", test_far_away);
  g_test_add_func ("/qcow2-check/cancelled", test_cancelled);
  result = g_test_run ();
  loop_free (loop);
  return result;
}
