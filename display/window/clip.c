/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/clip.h"

#include <string.h>

/* PNG specification, third edition, section 5.2. */
static const char png_signature[] = "\x89PNG\r\n\x1a\n";

static bool
is_png (const char *bytes, gsize size)
{
  return size >= strlen (png_signature) && memcmp (bytes, png_signature, strlen (png_signature)) == 0;
}

static GBytes *
without_end (GBytes *text, const char *bytes, gsize size)
{
  GBytes *part = g_bytes_new_from_bytes (text, 0, strnlen (bytes, size));

  g_bytes_unref (text);
  return part;
}

Clip *
clip_new (ClipKind kind, GBytes *bytes)
{
  gsize size;
  const char *content = g_bytes_get_data (bytes, &size);
  Clip *clip;

  if (kind == CLIP_TEXT && size > 0)
    {
      bytes = without_end (bytes, content, size);
      content = g_bytes_get_data (bytes, &size);
    }
  if (size == 0 || size > CLIP_MAX
      || !(kind == CLIP_TEXT ? g_utf8_validate_len (content, size, NULL) : is_png (content, size)))
    {
      g_bytes_unref (bytes);
      return NULL;
    }
  clip = g_atomic_rc_box_new0 (Clip);
  *clip = (Clip){ kind, bytes };
  return clip;
}

Clip *
clip_ref (Clip *clip)
{
  return g_atomic_rc_box_acquire (clip);
}

static void
clear (void *data)
{
  g_bytes_unref (((Clip *)data)->bytes);
}

void
clip_unref (Clip *clip)
{
  g_atomic_rc_box_release_full (clip, clear);
}

bool
clip_equal (const Clip *a, const Clip *b)
{
  return a == b || (a && b && a->kind == b->kind && g_bytes_equal (a->bytes, b->bytes));
}
