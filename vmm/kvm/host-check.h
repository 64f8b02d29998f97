/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* What this host's KVM is. */
typedef enum {
  HOST_KVM_NONE,     /* no guest can run; findings say why */
  HOST_KVM_PVM,      /* /dev/kvm without VT-x or AMD-V: firmware and boot loaders run, stock kernels don't */
  HOST_KVM_HARDWARE, /* everything runs */
} HostKvmKind;

typedef enum { HOST_FINDING_NOTE, HOST_FINDING_WARNING, HOST_FINDING_ERROR } HostFindingLevel;

typedef struct {
  HostFindingLevel level;
  char *id;      /* stable, for scripts: "kvm-permission", "kvm-missing", "firmware-seabios", ... */
  char *text;    /* what is the case and why, in the user's language where the process has one */
  char *remedy;  /* (nullable): what to do, so too */
  char *command; /* (nullable): does it, as root, in a shell's words: "usermod -aG kvm nina" */
} HostFinding;

typedef struct {
  HostKvmKind kind;
  char *cpu_model;
  unsigned n_cpus;         /* online */
  unsigned max_vcpus;      /* KVM's recommended limit */
  bool smm;                /* KVM gives system management mode */
  guint64 memory_total;    /* bytes */
  guint64 memory_available;
  GPtrArray *findings;     /* of HostFinding */
} HostReport;

/* Where the check looks; tests replace it. NULL members take the real place. */
typedef struct {
  const char *kvm_path;     /* /dev/kvm */
  const char *cpuinfo_path; /* /proc/cpuinfo */
  const char *meminfo_path; /* /proc/meminfo */
  const char *modules_path; /* /proc/modules */
} HostPaths;

/* Looks at the host: every capability the engine needs, each missing one a finding with its remedy.
 * Never fails. Any thread; takes milliseconds. @paths: (nullable). Returns: (transfer full). */
HostReport *host_check (const HostPaths *paths);
void host_report_free (HostReport *report);

/* The first finding that keeps machines from running, as "text remedy", or NULL. (transfer full) */
char *host_report_blocker (const HostReport *report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HostReport, host_report_free)

G_END_DECLS
