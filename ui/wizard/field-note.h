/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * BonsaiFieldNote: a row below a field that says what is wrong with it, or what is known about it; hidden
 * while there is nothing to say. Screen readers hear of it as an alert.
 */
#define BONSAI_TYPE_FIELD_NOTE (bonsai_field_note_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiFieldNote, bonsai_field_note, BONSAI, FIELD_NOTE, AdwPreferencesRow)

typedef enum {
  FIELD_NOTE_HINT,    /* what is yet to be done, or is the case */
  FIELD_NOTE_WARNING, /* possible, but not advisable */
  FIELD_NOTE_PROBLEM, /* it can't stay so */
} FieldNoteKind;

/* @text: (nullable): nothing. @field: (nullable): is marked with a problem. */
void bonsai_field_note_say (BonsaiFieldNote *note, GtkWidget *field, FieldNoteKind kind, const char *text);

/* The problem (transfer full) (nullable), or else the advice (transfer full) (nullable). Returns: whether
 * there is no problem. */
bool bonsai_field_note_judge (BonsaiFieldNote *note, GtkWidget *field, char *problem, char *advice);

G_END_DECLS
