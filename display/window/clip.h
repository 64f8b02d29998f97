/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Clip: what a clipboard holds. Immutable and counted; nothing at all is NULL.
 *
 * Threading: any.
 */
typedef enum {
  CLIP_TEXT, /* UTF-8 without NUL */
  CLIP_PNG,
} ClipKind;

typedef struct {
  ClipKind kind;
  GBytes *bytes; /* 1 to CLIP_MAX of them */
} Clip;

#define CLIP_MAX (64u << 20)

/* @bytes: (transfer full), as a program gave them: a text ends at its first NUL. Returns: (transfer full), or
 * NULL if they are none, too many, or not what @kind says. */
Clip *clip_new (ClipKind kind, GBytes *bytes);
Clip *clip_ref (Clip *clip);
void clip_unref (Clip *clip);

/* @a, @b: (nullable) */
bool clip_equal (const Clip *a, const Clip *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Clip, clip_unref)

G_END_DECLS
