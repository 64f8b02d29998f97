/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/state/state.h"

#define N_RANDOM 10000u

typedef struct {
  uint8_t index;
  uint16_t levels[3];
} Inner;

typedef struct {
  uint8_t u8;
  uint16_t u16;
  uint32_t u32[4];
  uint64_t u64;
  bool flag;
  uint8_t fifo[5];
  uint8_t *buffer;
  size_t buffer_size;
  Inner inner;
  Inner many[2];
  uint32_t not_saved;
  uint32_t newer;
  unsigned n_saves, n_loads;
} Outer;

static bool
inner_check (const void *object, const void *incoming, GError **error)
{
  const Inner *inner = incoming;

  if (inner->index >= 3)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "index %u", inner->index);
      return false;
    }
  return true;
}

static const StateField inner_fields[] = {
  STATE_U8 (Inner, index, 1),
  STATE_U16 (Inner, levels, 1),
  STATE_END,
};

static const StateTable inner_state = {
  .name = "inner",
  .version = 1,
  .fields = inner_fields,
  .object_size = sizeof (Inner),
  .check = inner_check,
};

static void
outer_before_save (void *object)
{
  ((Outer *)object)->n_saves++;
}

static void
outer_after_load (void *object)
{
  ((Outer *)object)->n_loads++;
}

/* Only refuses; the message is the caller's. */
static bool
outer_check (const void *object, const void *incoming, GError **error)
{
  const Outer *outer = incoming;

  g_assert_true (outer->buffer != ((const Outer *)object)->buffer);
  return outer->buffer[0] != 0xee;
}

#define OUTER_FIELDS                                                                                         \
  STATE_U8 (Outer, u8, 1), STATE_U16 (Outer, u16, 1), STATE_U32 (Outer, u32, 1), STATE_U64 (Outer, u64, 1),  \
    STATE_BOOL (Outer, flag, 1), STATE_BYTES (Outer, fifo, 1), STATE_BUFFER (Outer, buffer, buffer_size, 1), \
    STATE_STRUCT (Outer, inner, &inner_state, 1), STATE_STRUCTS (Outer, many, &inner_state, 1)

static const StateField outer_fields[] = { OUTER_FIELDS, STATE_END };
static const StateField outer_2_fields[] = { OUTER_FIELDS, STATE_U32 (Outer, newer, 2), STATE_END };

static const StateTable outer_state = {
  .name = "outer",
  .version = 1,
  .fields = outer_fields,
  .object_size = sizeof (Outer),
  .before_save = outer_before_save,
  .check = outer_check,
  .after_load = outer_after_load,
};

static const StateTable outer_2_state = {
  .name = "outer",
  .version = 2,
  .fields = outer_2_fields,
  .object_size = sizeof (Outer),
};

static void
outer_init (Outer *outer, uint8_t seed)
{
  *outer = (Outer){
    .u8 = seed,
    .u16 = (uint16_t)(seed * 257u),
    .u32 = { seed, 2, 3, UINT32_MAX },
    .u64 = UINT64_C (0x0102030405060708) * seed,
    .flag = seed & 1,
    .fifo = { seed, 1, 2, 3, 4 },
    .buffer_size = 32,
    .inner = { 1, { seed, 2, 3 } },
    .many = { { 0, { 1, 2, 3 } }, { 2, { 4, 5, 6 } } },
    .not_saved = seed,
    .newer = seed,
  };
  outer->buffer = g_malloc (outer->buffer_size);
  memset (outer->buffer, seed, outer->buffer_size);
}

static GByteArray *
save (const StateTable *table, Outer *outer)
{
  GByteArray *out = g_byte_array_new ();

  state_save (table, outer, out);
  return out;
}

static void
test_round_trip (void)
{
  Outer a, b;
  g_autoptr (GByteArray) saved = NULL;
  g_autoptr (GByteArray) again = NULL;
  g_autoptr (GError) error = NULL;
  uint8_t *b_buffer;

  outer_init (&a, 7);
  outer_init (&b, 9);
  b_buffer = b.buffer;
  saved = save (&outer_state, &a);
  g_assert_cmpuint (a.n_saves, ==, 1);
  g_assert_true (state_validate (&outer_state, &b, saved->data, saved->len, &error));
  g_assert_cmpuint (b.n_loads, ==, 0);
  g_assert_cmpint (b.u8, ==, 9);

  g_assert_true (state_load (&outer_state, &b, saved->data, saved->len, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (b.n_loads, ==, 1);
  g_assert_true (b.buffer == b_buffer);
  g_assert_cmpint (b.buffer[31], ==, 7);
  g_assert_cmpint (b.u32[3], ==, UINT32_MAX);
  g_assert_cmpint (b.many[1].levels[2], ==, 6);
  g_assert_cmpint (b.not_saved, ==, 9);
  again = save (&outer_state, &b);
  g_assert_cmpmem (saved->data, saved->len, again->data, again->len);
  g_free (a.buffer);
  g_free (b.buffer);
}

static void
test_versions (void)
{
  Outer a, b;
  g_autoptr (GByteArray) old = NULL;
  g_autoptr (GByteArray) new = NULL;
  g_autoptr (GError) error = NULL;

  outer_init (&a, 7);
  outer_init (&b, 9);
  old = save (&outer_state, &a);
  new = save (&outer_2_state, &a);
  g_assert_true (state_load (&outer_2_state, &b, old->data, old->len, &error));
  g_assert_cmpint (b.u8, ==, 7);
  g_assert_cmpint (b.newer, ==, 9);
  g_assert_true (state_load (&outer_2_state, &b, new->data, new->len, &error));
  g_assert_cmpint (b.newer, ==, 7);

  g_assert_false (state_load (&outer_state, &b, new->data, new->len, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_STATE);
  g_assert_nonnull (strstr (error->message, "newer"));
  g_free (a.buffer);
  g_free (b.buffer);
}

static void
assert_refused (Outer *live, const uint8_t *data, size_t size, const char *word)
{
  g_autoptr (GByteArray) before = save (&outer_2_state, live);
  g_autoptr (GByteArray) after = NULL;
  g_autoptr (GError) error = NULL;
  unsigned n_loads = live->n_loads;

  g_assert_false (state_load (&outer_state, live, data, size, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_STATE);
  if (word)
    g_assert_nonnull (strstr (error->message, word));
  after = save (&outer_2_state, live);
  g_assert_cmpmem (before->data, before->len, after->data, after->len);
  g_assert_cmpuint (live->n_loads, ==, n_loads);
  g_assert_false (state_load (&outer_state, live, data, size, NULL));
}

static void
test_refusals (void)
{
  Outer a, b;
  g_autoptr (GByteArray) saved = NULL;

  outer_init (&a, 7);
  outer_init (&b, 9);

  a.many[1].index = 3;
  saved = save (&outer_state, &a);
  assert_refused (&b, saved->data, saved->len, "index 3");
  a.many[1].index = 2;
  g_clear_pointer (&saved, g_byte_array_unref);

  a.buffer[0] = 0xee;
  saved = save (&outer_state, &a);
  assert_refused (&b, saved->data, saved->len, "contradicts");
  a.buffer[0] = 7;
  g_clear_pointer (&saved, g_byte_array_unref);

  a.buffer_size = 16;
  saved = save (&outer_state, &a);
  assert_refused (&b, saved->data, saved->len, "buffer");
  a.buffer_size = 32;
  g_clear_pointer (&saved, g_byte_array_unref);

  saved = save (&outer_state, &a);
  for (unsigned size = 0; size < saved->len; size++)
    assert_refused (&b, saved->data, size, NULL);
  g_byte_array_append (saved, (const uint8_t *)"", 1);
  assert_refused (&b, saved->data, saved->len, NULL);
  g_free (a.buffer);
  g_free (b.buffer);
}

/* A bool of 2, which C gives no meaning. */
static void
test_bools (void)
{
  Outer a, b;
  g_autoptr (GByteArray) saved = NULL;
  uint8_t *field;

  outer_init (&a, 7);
  outer_init (&b, 9);
  saved = save (&outer_state, &a);
  field = memmem (saved->data, saved->len, "flag", 4);
  g_assert_nonnull (field);
  g_assert_cmpint (field[4 + 1 + 4], ==, 1);
  field[4 + 1 + 4] = 2;
  assert_refused (&b, saved->data, saved->len, "flag");
  g_free (a.buffer);
  g_free (b.buffer);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (42);
  g_autoptr (GByteArray) saved = NULL;
  unsigned n_refused = 0;
  Outer a, b;

  outer_init (&a, 7);
  outer_init (&b, 9);
  saved = save (&outer_state, &a);
  for (unsigned i = 0; i < N_RANDOM; i++)
    {
      g_autofree uint8_t *bytes = g_memdup2 (saved->data, saved->len);
      unsigned size = saved->len;

      if (i % 4 == 0)
        {
          size = (unsigned)g_rand_int_range (rand, 0, (gint32)saved->len);
          for (unsigned k = 0; k < size; k++)
            bytes[k] = (uint8_t)g_rand_int (rand);
        }
      for (int n = g_rand_int_range (rand, 1, 4); n > 0 && size > 0; n--)
        bytes[g_rand_int_range (rand, 0, (gint32)size)] = (uint8_t)g_rand_int (rand);
      if (state_load (&outer_state, &b, bytes, size, NULL))
        {
          g_assert_cmpint (b.inner.index, <, 3);
          g_assert_cmpuint (b.buffer_size, ==, 32);
        }
      else
        n_refused++;
    }
  g_assert_cmpuint (n_refused, >, N_RANDOM / 2);
  g_free (a.buffer);
  g_free (b.buffer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/state/round-trip", test_round_trip);
  g_test_add_func ("/state/versions", test_versions);
  g_test_add_func ("/state/refusals", test_refusals);
  g_test_add_func ("/state/bools", test_bools);
  g_test_add_func ("/state/random", test_random);
  return g_test_run ();
}
