/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"
#include "app/session/session.h"

G_BEGIN_DECLS

/*
 * Recorder: writes the history of the machines that this process hosts, and of the host, unless another
 * process does. It looks every 5 seconds, asks for memory once a minute, and writes once a minute: a kill
 * loses no more. While it has no machine it does nothing at all.
 *
 * Threading: the main context that is thread-default when the first machine comes.
 */
typedef struct Recorder Recorder;

Recorder *recorder_new (void);
Recorder *recorder_ref (Recorder *recorder);
void recorder_unref (Recorder *recorder);

/* @session runs, hosted here. */
void recorder_add (Recorder *recorder, BonsaiSession *session);

/* Says each time what was noted of @session, which is there; NULL: no more. */
typedef void (*RecorderFunc) (const HistoryRow *row, void *data);
void recorder_listen (Recorder *recorder, BonsaiSession *session, RecorderFunc func, void *data);

/* It has ended, or is let go of: what was not written yet is now, before this returns. Ignored if it is not
 * there. */
void recorder_remove (Recorder *recorder, BonsaiSession *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Recorder, recorder_unref)

G_END_DECLS
