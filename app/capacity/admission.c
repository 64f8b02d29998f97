/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/capacity/admission.h"

#include "app/base/error.h"

#include <glib/gi18n.h>

static uint64_t
claim_of (const Neighbour *neighbour)
{
  return neighbour->size - MIN (neighbour->size, neighbour->resident);
}

Promises
promises_sum_up (const GArray *neighbours)
{
  Promises sum = { 0 };

  for (guint i = 0; i < neighbours->len; i++)
    {
      const Neighbour *one = &g_array_index (neighbours, Neighbour, i);

      sum.machines++;
      sum.cpus += one->cpus;
      sum.size += one->size;
      sum.claims += claim_of (one);
    }
  return sum;
}

static char *
format (uint64_t bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

/* Who has the largest claim: shutting that down helps most. */
static const Neighbour *
find_largest (const GArray *neighbours)
{
  const Neighbour *largest = NULL;

  for (guint i = 0; i < neighbours->len; i++)
    {
      const Neighbour *one = &g_array_index (neighbours, Neighbour, i);

      if (largest == NULL || one->size > largest->size)
        largest = one;
    }
  return largest;
}

static bool
refuse_size (const char *name, uint64_t size, uint64_t left, GError **error)
{
  g_autofree char *wanted = format (size), *there = format (left);

  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_NO_ROOM,
    _ ("“%s” may use %s of memory, and this host has %s left. Close programs or shut machines down, give it "
       "less memory, or start it all the same"),
    name, wanted, there);
  return false;
}

static bool
refuse_claims (const char *name, uint64_t size, uint64_t left, const Neighbour *largest, uint64_t claims,
               GError **error)
{
  g_autofree char *wanted = format (size), *there = format (left), *promised = format (claims);

  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_NO_ROOM,
    _ (
      "“%s” may use %s of memory; this host has %s left, of which machines that run may still claim %s. Shut "
      "one down (“%s” is the largest), give it less memory, or start it all the same"),
    name, wanted, there, promised, largest->name);
  return false;
}

bool
admission_check (const HostMemory *host, const GArray *neighbours, const char *name, uint64_t size,
                 GError **error)
{
  uint64_t left = host->available + host->swap_free, claims = promises_sum_up (neighbours).claims;

  if (host->total == 0)
    return true; /* nobody knows */
  if (size > left)
    return refuse_size (name, size, left, error);
  return claims == 0 || size + claims <= left + left / 2
         || refuse_claims (name, size, left, find_largest (neighbours), claims, error);
}
