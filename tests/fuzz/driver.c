/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * driver RUNS [SEED-FILE...]: a fuzz target as a test. Plays every seed as it is, then RUNS inputs made of
 * the seeds (or of nothing) by random changes. The same arguments are always the same inputs. Whoever looks
 * for the one that fails names a file in $FUZZ_LAST_INPUT: each input is kept there while it is played.
 */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_INPUT 4096

/* Targets that know what their inputs mean have one: see fuzz.h. */
#pragma weak LLVMFuzzerCustomMutator

size_t
LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size)
{
  if (size > 0)
    data[size / 2] ^= 1;
  return size;
}

static void
scramble (GByteArray *input, GRand *rand)
{
  unsigned changes = 1u << g_rand_int_range (rand, 0, 6);

  if (input->len == 0 || g_rand_int_range (rand, 0, 8) == 0)
    {
      unsigned length = input->len;

      g_byte_array_set_size (input, g_rand_int_range (rand, 1, LONGEST_INPUT));
      if (input->len > length)
        memset (input->data + length, 0, input->len - length);
    }
  for (unsigned i = 0; i < changes; i++)
    {
      unsigned at = g_rand_int_range (rand, 0, input->len);
      unsigned n = 1u << g_rand_int_range (rand, 0, 7);

      n = MIN (n, input->len - at);
      for (unsigned b = 0; b < n; b++)
        input->data[at + b] = g_rand_int (rand);
    }
}

static void
play (const uint8_t *data, size_t size)
{
  const char *keep = g_getenv ("FUZZ_LAST_INPUT");

  if (keep != NULL && !g_file_set_contents (keep, (const char *)data, size, NULL))
    g_error ("can't write %s", keep);
  LLVMFuzzerTestOneInput (data, size);
}

int
main (int argc, char **argv)
{
  unsigned runs = argc > 1 ? strtoul (argv[1], NULL, 10) : 0;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  g_print ("1..1\n");
  for (int i = 2; i < argc; i++)
    {
      char *content;
      gsize length;

      if (!g_file_get_contents (argv[i], &content, &length, NULL))
        g_error ("can't read the seed %s", argv[i]);
      g_ptr_array_add (seeds, g_bytes_new_take (content, length));
      play ((const uint8_t *)content, length);
    }
  for (unsigned i = 0; i < runs; i++)
    {
      g_autoptr (GByteArray) input = g_byte_array_new ();

      if (seeds->len > 0)
        {
          GBytes *seed = seeds->pdata[g_rand_int_range (rand, 0, seeds->len)];
          g_byte_array_append (input, g_bytes_get_data (seed, NULL), g_bytes_get_size (seed));
        }
      if (LLVMFuzzerCustomMutator != NULL && input->len > 0 && g_rand_boolean (rand))
        LLVMFuzzerCustomMutator (input->data, input->len, input->len, g_rand_int (rand));
      else
        scramble (input, rand);
      play (input->data, input->len);
    }
  g_print ("ok 1 - %u seeds and %u random inputs\n", seeds->len, runs);
  return 0;
}
