/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/state-difference.h"

#include "vmm/base/bytes.h"
#include "vmm/state/state.h"

#include <string.h>

/* What is compared, piece by piece, as vmm/machine/machine-state.c, vmm/device/board-state.c and
 * vmm/state/state-save.c lay it out. */
typedef struct {
  const uint8_t *data[2];
  size_t size[2];
} Pair;

typedef struct {
  GString *text;
  const char *const *but;
} Report;

static bool
is_same (const Pair *pair)
{
  return pair->size[0] == pair->size[1] && memcmp (pair->data[0], pair->data[1], pair->size[0]) == 0;
}

/* Takes what a length of @length_size bytes counts off both. */
static Pair
take (Pair *pair, unsigned length_size)
{
  Pair part = { 0 };

  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_cmpuint (pair->size[i], >=, length_size);
      part.size[i] = load_le (pair->data[i], length_size);
      part.data[i] = pair->data[i] + length_size;
      g_assert_cmpuint (part.size[i], <=, pair->size[i] - length_size);
      pair->size[i] -= length_size + part.size[i];
      pair->data[i] = part.data[i] + part.size[i];
    }
  return part;
}

/* Passes what is the same in both: kinds, versions. Returns: the number that it is. */
static uint64_t
take_number (Pair *pair, unsigned size)
{
  uint64_t number = load_le (pair->data[0], size);

  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_cmpuint (load_le (pair->data[i], size), ==, number);
      pair->data[i] += size;
      pair->size[i] -= size;
    }
  return number;
}

static char *
take_name (Pair *pair)
{
  Pair name = take (pair, 1);

  g_assert_true (is_same (&name));
  return g_strndup ((const char *)name.data[0], name.size[0]);
}

static bool
is_wanted (const Report *to, const char *line)
{
  for (unsigned i = 0; to->but != NULL && to->but[i] != NULL; i++)
    if (g_pattern_match_simple (to->but[i], line))
      return false;
  return true;
}

static void
append_word (GString *line, const Pair *field, unsigned side, size_t at)
{
  for (size_t i = at; i < MIN (at + 8, field->size[side]); i++)
    g_string_append_printf (line, " %02x", field->data[side][i]);
}

/* A line for each eight bytes. */
static void
report (Report *to, const char *path, const Pair *field)
{
  for (size_t at = 0; at < MAX (field->size[0], field->size[1]); at += 8)
    {
      g_autoptr (GString) line = g_string_new (path);
      size_t left = MIN (field->size[0], field->size[1]) - MIN (at, MIN (field->size[0], field->size[1]));

      if (left > 0 && memcmp (field->data[0] + at, field->data[1] + at, MIN (left, 8)) == 0
          && (left >= 8 || field->size[0] == field->size[1]))
        continue;
      g_string_append_printf (line, "+%zu:", at);
      append_word (line, field, 0, at);
      g_string_append (line, " |");
      append_word (line, field, 1, at);
      if (is_wanted (to, line->str))
        g_string_append_printf (to->text, "%s\n", line->str);
    }
}

static void
compare_table (Report *to, const char *path, Pair *rest)
{
  Pair table = take (rest, 4);
  g_autofree char *name = take_name (&table);

  take_number (&table, 2);
  for (uint64_t n = take_number (&table, 2), i = 0; i < n; i++)
    {
      g_autofree char *field_name = take_name (&table);
      g_autofree char *field_path = g_strconcat (path, "/", field_name, NULL);
      bool is_table = take_number (&table, 1) == STATE_KIND_TABLE;
      Pair field = take (&table, 4);

      if (is_same (&field))
        continue;
      if (!is_table)
        report (to, field_path, &field);
      else
        for (unsigned k = 0; field.size[0] > 0; k++)
          {
            g_autofree char *element = g_strdup_printf ("%s[%u]", field_path, k);

            compare_table (to, element, &field);
          }
    }
}

char *
state_difference (GBytes *a, GBytes *b, const char *const *but)
{
  Report to = { g_string_new (NULL), but };
  Pair all, part;

  all.data[0] = g_bytes_get_data (a, &all.size[0]);
  all.data[1] = g_bytes_get_data (b, &all.size[1]);
  take_number (&all, 8);

  part = take (&all, 8);
  compare_table (&to, "machine", &part);
  part = take (&all, 8);
  for (uint64_t n = take_number (&part, 4), i = 0; i < n; i++)
    {
      g_autofree char *name = take_name (&part);
      g_autofree char *path = g_strconcat ("board/", name, NULL);
      Pair record = take (&part, 4);

      compare_table (&to, path, &record);
    }
  part = take (&all, 8);
  compare_table (&to, "kvm", &part);
  part = take (&all, 8);
  for (uint64_t n = take_number (&part, 4), i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("vcpus[%u]", (unsigned)i);
      Pair record = take (&part, 8);

      compare_table (&to, path, &record);
    }
  g_assert_cmpuint (all.size[0], ==, 0);
  return g_string_free (to.text, FALSE);
}
