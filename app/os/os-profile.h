/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What is known about an operating system: plain values, which nobody changes once they are made.
 * Threading: share them by reference.
 */
typedef struct {
  gatomicrefcount refs;
  char *id;                    /* "http://debian.org/debian/12" */
  char *short_id;              /* "debian12" */
  char *name;                  /* "Debian 12" */
  char *vendor;                /* (nullable) */
  char *family;                /* "linux", "winnt"; (nullable) */
  char *distro;                /* "debian", "win"; (nullable) */
  char *icon;                  /* name of an icon, which a theme may lack: "os-debian" */
  uint64_t memory_min, memory; /* bytes: with less it doesn't install; with that it runs well. 0: not known */
  uint64_t disk_min, disk;     /* bytes; likewise */
  unsigned cpus_min, cpus;     /* likewise */
  bool virtio_disk, virtio_net, virtio_gpu; /* it has the drivers */
  bool e1000e;
  bool bios, uefi; /* what it starts by; both false: not known */
} OsProfile;

OsProfile *os_profile_new (void);
OsProfile *os_profile_ref (const OsProfile *os);
void os_profile_unref (OsProfile *os);

/* An installation medium, or a live system. */
typedef struct {
  char *path;
  char *label;   /* the volume's name; may be empty */
  OsProfile *os; /* NULL: nobody knows it */
  char *title;   /* "Debian 12", or the label, or the file's name: what people call it */
  uint64_t size; /* bytes of the volume; 0: not known */
  bool bootable;
  bool live;         /* a system that runs from it */
  bool boots_kernel; /* an unattended installation enters its kernel directly, without firmware */
  unsigned restarts; /* of an installation from it, until it is done */
  GStrv
    profiles; /* kinds of unattended installation, best first; empty: none. "desktop", "jeos": os-express.h */
  bool needs_internet; /* ... for its packages */
  char *product_key;   /* the form of the key that it wants ("$$$$$-$$$$$-…"), or NULL */
} OsMedium;

void os_medium_free (OsMedium *medium);
/* (transfer full) */
OsMedium *os_medium_copy (const OsMedium *medium);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsProfile, os_profile_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsMedium, os_medium_free)

G_END_DECLS
