/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/host-check.h"

#include <glib.h>

G_BEGIN_DECLS

/*
 * What a host is to machines, for people: what host_check found, room on the disk, the user's rights, and the
 * firmware that is installed.
 *
 * Threading: none; plain values.
 */
typedef enum {
  HOST_FACT_FINE,
  HOST_FACT_WARNING, /* something does not work */
  HOST_FACT_ERROR,   /* nothing does */
} HostFactLevel;

typedef struct {
  char *id;    /* stable: "kvm", "memory", "room", "group", "seabios", "ovmf", "ipxe"; or a finding's */
  char *title; /* "Memory"; of a finding NULL */
  char *text;  /* what is the case */
  HostFactLevel level;
  char *remedy;  /* (nullable): what to do */
  char *command; /* (nullable): does it, as root, in a shell's words: "usermod -aG kvm nina" */
} HostFact;

/* @folder: where machines lie. Takes milliseconds. Any thread. (transfer full): of HostFact */
GPtrArray *host_facts (const HostReport *report, const char *folder);

/* The command that installs a package on this distribution. @debian, @fedora: how it is called there.
 * (nullable): nobody knows. (transfer full) */
char *host_install_command (const char *debian, const char *fedora);

G_END_DECLS
