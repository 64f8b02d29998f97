/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"
#include "tests/image/crash-log.h"
#include "tests/image/memory-store.h"

G_BEGIN_DECLS

/*
 * The image that crashes, and the coroner. On a medium in memory, or a file.
 */
typedef struct {
  const char *format, *subformat;
  bool overlay, lazy, extended, version_2, by_peer, encrypted;
  bool fixed_size; /* it can't grow */
  bool small;      /* no room to spare for a longer table: small blocks, or as many as it holds */
  bool no_peer;    /* which can't read it */
  bool torn_words; /* survives even where sectors don't arrive as a whole */
  bool any_words;  /* the same, if the header's does */
} CrashKind;

typedef struct {
  const CrashKind *kind;
  Run *run;
  EventLoop *loop;
  CrashLog *log;
  Medium *medium; /* NULL: @path */
  char *path;     /* where it is, or believes to be */
} CrashDisk;

extern const ImageSecret crash_secret;

void crash_disk_init (CrashDisk *disk, const CrashKind *kind, Run *run);
void crash_disk_clear (CrashDisk *disk);

/* Starts the loop: now there are threads. */
void crash_disk_start_loop (CrashDisk *disk);

/* Draws sizes, and makes the log. */
void crash_disk_plan (CrashDisk *disk);

/* Makes the image, and the one below, as files. */
void crash_disk_make (CrashDisk *disk);

/* The options to open it with. */
ImageOptions crash_disk_options (const CrashDisk *disk);
Image *crash_disk_open (CrashDisk *disk, bool lenient, bool read_only);

/* The image as it was left: leaks are allowed; wrong entries only if it says that it is dirty. */
void crash_disk_look (CrashDisk *disk);

/* Repairs it if there is anything to, and then it is clean. Returns whether there was. */
bool crash_disk_repair (CrashDisk *disk);

/* Opened, it holds what it must, and is clean after repair. */
void crash_disk_examine (CrashDisk *disk);

/* The peer finds it clean and reads the same. */
void crash_disk_ask_peer (CrashDisk *disk);

/* Fails the run unless @well. */
void crash_must (Run *run, bool well, GError **error, const char *what);

G_END_DECLS
