/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"
#include "app/disk/disk-report.h"
#include "app/disk/disk-secret.h"
#include "app/disk/disk-task.h"

G_BEGIN_DECLS

/* What "bonsai disk VERB" ends with where a plain "done" doesn't tell: odd, as errors are even. */
enum {
  DISK_STATUS_DIFFERENT = 1, /* compare */
  DISK_STATUS_LEAKS = 1,     /* check: space is lost, nothing else */
  DISK_STATUS_DAMAGED = 3,   /* check: content may be lost */
};

extern const Verb verb_disk_attach, verb_disk_check, verb_disk_commit, verb_disk_compact, verb_disk_compare,
  verb_disk_convert, verb_disk_create, verb_disk_detach, verb_disk_info, verb_disk_limit, verb_disk_map,
  verb_disk_passphrase, verb_disk_rebase, verb_disk_resize;

/* --- naming a disk --- */

/* What "FILE" or "MACHINE:DISK" means. */
typedef struct {
  char *path;
  char *format;           /* (nullable) */
  char *drive;            /* (nullable): "disk0", of a machine */
  BonsaiSession *session; /* (nullable): the machine runs */
} CliDisk;

/* A file that exists goes first. */
bool cli_find_disk (const char *argument, CliDisk *disk, GError **error);
void cli_disk_clear (CliDisk *disk);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliDisk, cli_disk_clear)

/* A machine that gets a disk or gives one away. */
typedef struct {
  BonsaiLibrary *library;
  BonsaiVm *vm;           /* (nullable): of @library */
  BonsaiSession *session; /* (nullable): it runs; without a bundle if there is no @vm */
} CliMachine;

bool cli_find_machine (const char *name, CliMachine *machine, GError **error);
void cli_machine_clear (CliMachine *machine);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliMachine, cli_machine_clear)

/* --- passphrases --- */

typedef struct {
  char *file;
  int fd; /* 0: none: standard input is asked for by /dev/stdin */
  DiskSecret *secret;
} CliSecret;

#define CLI_SECRET_OPTIONS(member, prefix, whose)                                                            \
  { prefix "secret-file",                                                                                    \
    0,                                                                                                       \
    0,                                                                                                       \
    G_OPTION_ARG_FILENAME,                                                                                   \
    &(member)->file,                                                                                         \
    "The passphrase of " whose " is this file's content",                                                    \
    "FILE" },                                                                                                \
  {                                                                                                          \
    prefix "secret-fd", 0, 0, G_OPTION_ARG_INT, &(member)->fd, "The same from an open descriptor", "N"       \
  }

void cli_secret_clear (CliSecret *secret);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliSecret, cli_secret_clear)

/* Reads what the options name. @question: (nullable): without options, asks at the terminal with this prompt;
 * a new one is asked twice. NULL in @image: none was given. */
bool cli_read_secret (CliSecret *secret, const char *question, const ImageSecret **image, GError **error);
bool cli_read_new_secret (CliSecret *secret, const char *question, const ImageSecret **image, GError **error);

/* As above for the image @source, which gets the passphrase; asks if it is encrypted and none was given. */
bool cli_unlock (ImageSource *source, CliSecret *secret, GError **error);

/* --- work that takes time --- */

/* Runs @func, shows how far it is on a terminal if it takes over a second (or always, if @progress), and ends
 * it at Ctrl+C. */
bool cli_run_task (DiskTaskFunc func, gpointer data, bool progress, GError **error);

/* The same for work that the running machine does. @work->disk is filled in. */
bool cli_work_on_disk (const CliDisk *disk, BonsaiDiskWork *work, bool progress, GError **error);

/* The same for bonsai_session_change_snapshots_async, of whose arguments NULL are none. (transfer full) */
GVariant *cli_change_snapshots (BonsaiSession *session, const char *operation, GVariant *arguments,
                                bool progress, GError **error);

/* --- odds and ends --- */

/* The format that a file name's end speaks for: "qcow2" for "x.qcow2". (nullable) */
const char *cli_format_of_name (const char *path);

/* How new images are made: create and convert share these. */
typedef struct {
  char *format, *subformat, *cluster_size, *compression, *preallocation;
  gboolean extended_l2, lazy_refcounts;
  int version;
} CliNewImage;

#define CLI_NEW_IMAGE_OPTIONS(new)                                                                               \
  { "format",                                                                                                    \
    'f',                                                                                                         \
    0,                                                                                                           \
    G_OPTION_ARG_STRING,                                                                                         \
    &(new)->format,                                                                                              \
    "raw, qcow2, vhd, vmdk or vdi (what the name ends in; else qcow2)",                                          \
    "FORMAT" },                                                                                                  \
    { "subformat",                                                                                               \
      0,                                                                                                         \
      0,                                                                                                         \
      G_OPTION_ARG_STRING,                                                                                       \
      &(new)->subformat,                                                                                         \
      "fixed or dynamic (vhd, vdi); monolithicSparse or streamOptimized (vmdk)",                                 \
      "NAME" },                                                                                                  \
    { "cluster-size", 0, 0, G_OPTION_ARG_STRING, &(new)->cluster_size, "Unit of allocation (qcow2: 64K)",        \
      "SIZE" },                                                                                                  \
    { "compression", 0, 0, G_OPTION_ARG_STRING, &(new)->compression, "zlib or zstd (qcow2)", "NAME" },           \
    { "extended-l2", 0, 0, G_OPTION_ARG_NONE, &(new)->extended_l2, "32 subclusters per cluster (qcow2)", NULL }, \
    { "lazy-refcounts",                                                                                          \
      0,                                                                                                         \
      0,                                                                                                         \
      G_OPTION_ARG_NONE,                                                                                         \
      &(new)->lazy_refcounts,                                                                                    \
      "Reference counts are written late (qcow2)",                                                               \
      NULL },                                                                                                    \
    { "preallocation", 0, 0, G_OPTION_ARG_STRING, &(new)->preallocation, "off, metadata or full", "KIND" },      \
  {                                                                                                              \
    "qcow2-version", 0, 0, G_OPTION_ARG_INT, &(new)->version, "2 or 3 (3)", "N"                                  \
  }

/* Fills @create. @path: the image's. */
bool cli_new_image (const CliNewImage *new, const char *path, ImageCreateOptions *create, GError **error);
void cli_new_image_clear (CliNewImage *new);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliNewImage, cli_new_image_clear)

/* "20G" → bytes; 0 with @error set. @what: how the error begins. */
guint64 cli_parse_disk_size (const char *text, const char *what, GError **error);

G_END_DECLS
