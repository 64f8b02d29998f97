/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-install.h"
#include "app/bundle/vm-policy.h"
#include "app/bundle/vm-schedule.h"
#include "app/bundle/vm-sharing.h"
#include "app/bundle/vm-usb-rules.h"
#include "devices/platform/machine-spec.h"

#include <glib-object.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * VmConfig: a machine as its owner describes it; the content of vm.json (SCHEMA.md).
 *
 * A plain, boxed value: copy it, change its fields, save it (bonsai_vm_save_config). Members that
 * this version does not know travel along and are written back. Threading: none; one thread at a time.
 */
typedef struct VmConfig VmConfig;

/* Whether a machine is a template. */
typedef enum {
  VM_TEMPLATE_NONE,   /* an ordinary machine */
  VM_TEMPLATE_OPEN,   /* its next version is being made */
  VM_TEMPLATE_SEALED, /* it can't be started or changed */
} VmTemplate;

/* What becomes of a machine that runs when its owner logs out or the host shuts down. */
typedef enum {
  VM_AT_SHUTDOWN_SUSPEND,   /* to disk; its next start goes on from there */
  VM_AT_SHUTDOWN_SHUTDOWN,  /* its guest is asked to; one that takes too long is suspended */
  VM_AT_SHUTDOWN_POWER_OFF, /* the plug is pulled */
} VmAtShutdown;

typedef struct {
  char *id; /* "disk0", "cd0": unique, stays when others are removed */
  DiskKind kind;
  DiskBus bus;
  char
    *path; /* relative: inside the bundle; absolute or nbd:// URI: elsewhere; NULL: an empty CD-ROM drive */
  bool read_only;
  DiskOptions options; /* secret_file: as path */
  uint64_t create; /* bytes of a new image to make at @path when the bundle is created; not saved; 0: none */
  JsonObject *extra; /* private */
} VmDisk;

typedef struct {
  char *id;      /* "net0" */
  char *network; /* "nat" or "none" */
  char *mac;
  char *guest_mac; /* (nullable): the one that its guest still has, until the clone's hook has run */
  NicModel model;
  bool link_down;    /* the cable is out */
  GArray *forwards;  /* of NetForward: ports of the host that lead to the guest; never NULL */
  JsonObject *extra; /* private */
} VmNic;

typedef struct {
  SerialKind kind;
  char *path; /* FILE: takes the port's output; PTY: a link; SOCKET; as VmDisk.path; NULL: PTY and SOCKET
                 choose */
  JsonObject *extra; /* private */
} VmSerial;

struct VmConfig {
  char *uuid;
  char *name;
  char *notes;     /* (nullable) */
  char *group;     /* (nullable): vm-labels.h */
  GStrv tags;      /* (nullable): vm-labels.h */
  uint64_t memory; /* bytes, a multiple of 1 MiB */
  unsigned cpus;
  char *cpu_model;       /* (nullable): NULL: the host's processor */
  CpuTopology topology;  /* sockets 0: one, with a core for each processor */
  FirmwareKind firmware; /* what starts it if there is no kernel */
  GStrv
    boot_order; /* (nullable): ids of disks and network cards to boot from first; unknown ones don't count */
  char *kernel, *initrd, *append; /* (nullable): direct boot; paths as VmDisk.path */
  GPtrArray *disks;               /* of VmDisk, in boot order; CD-ROM drives are disks, too */
  GPtrArray *nics;                /* of VmNic */
  GPtrArray *serials;             /* of VmSerial, at most 4; the others are consoles */
  GPtrArray *usb_rules;           /* of VmUsbRule */
  BoardAction on_panic;
  bool watchdog;
  BoardAction watchdog_action;
  bool hpet, balloon, usb, usb_keyboard, virtio_input, sound;
  bool merge_memory; /* the host may merge equal pages of its memory (KSM) */
  char *sound_record, *sound_microphone; /* (nullable): WAV files */
  AgentsSpec agents;
  JsonObject *agents_extra; /* private */
  unsigned video_memory;    /* MiB, a power of two 1..256 */
  GraphicsKind graphics;
  unsigned heads; /* 1..4 screens; GRAPHICS_VGA has one */
  char *nvram;    /* (nullable): the file with the firmware's variables, in the bundle; NULL: BUNDLE_NVRAM */
  char *generation; /* (nullable): a UUID, a new one whenever it went back or was copied; NULL: @uuid is it */
  char *snapshot;   /* (nullable): id of the snapshot that it stems from */
  char *resume; /* (nullable): the folder from whose state the next start goes on: in the bundle; absolute: of
                   the snapshot that an instant clone is of */
  char *clone_of;       /* (nullable): UUID of the machine on whose layers it lies */
  char *clone_snapshot; /* (nullable): id of the snapshot there */
  char *clone_hook; /* (nullable): an instant clone's guest is still to be told who it is: by this command as
                       well, if it isn't "" */
  char *disposable; /* (nullable): id of the snapshot to which it goes back at each power-off */
  char *completes;  /* (nullable): id of the snapshot that was taken by the change that wrote this */
  VmTemplate template_state;
  VmSchedule schedule;
  VmPolicy *policy; /* never NULL; shared: replace it (vm_config_set_policy) */
  VmSharing *sharing; /* never NULL; as @policy (vm_config_set_sharing) */
  char
    *os; /* (nullable): id of its operating system (app/os), as far as its owner said or it was recognised */
  VmInstall install;
  VmAtShutdown at_host_shutdown;
  bool launcher;            /* the desktop's menu of applications has an entry for it */
  bool autostart;           /* it starts when its owner logs in */
  unsigned autostart_order; /* 0..1000: machines with a lower number start earlier */
  JsonObject *extra, *boot_extra, *cpu_extra, *sound_extra, *display_extra; /* private */
};

/* How "template" is written; number n is VmTemplate n, the first stands for its absence. NULL ends. */
extern const char *const vm_template_names[];

/* How "at-host-shutdown" is written, by VmAtShutdown. NULL ends. */
extern const char *const vm_at_shutdown_names[];

/* How "watchdog" is written: "none", or an action; number n + 1 is BoardAction n. NULL ends. */
extern const char *const vm_watchdog_names[];

#define VM_TYPE_CONFIG (vm_config_get_type ())
GType vm_config_get_type (void);

/* A machine with @name, a new UUID, 512 MiB, one CPU, a NAT network card, 16 MiB of video memory, an HPET,
 * USB, all agents, no disks.
 */
VmConfig *vm_config_new (const char *name);
VmConfig *vm_config_copy (const VmConfig *config);
void vm_config_free (VmConfig *config);

/* Adds; strings are copied, an id is chosen. The returned struct is the config's. */
VmDisk *vm_config_add_disk (VmConfig *config, const char *path, uint64_t create);
VmDisk *vm_config_add_cdrom (VmConfig *config, const char *path);
VmDisk *vm_config_add_scsi_host (VmConfig *config, const char *path); /* /dev/sgN, a block device */
VmNic *vm_config_add_nic (VmConfig *config, const char *network);
/* @path: (nullable): a file; NULL: a console. */
VmSerial *vm_config_add_serial (VmConfig *config, const char *path);

/* What its owner keeps beside it, notes, group and tags, becomes that of @from (nullable: none). */
void vm_config_copy_labels (VmConfig *config, const VmConfig *from);

/* Replaces a string member: vm_config_set (&config->name, "Web server"). */
void vm_config_set (char **member, const char *value);

void vm_config_set_policy (VmConfig *config, VmPolicy *policy);
void vm_config_set_sharing (VmConfig *config, VmSharing *sharing);

/* Whether @id has the form of a snapshot's id: 10 of a-z and 2-7. */
bool vm_snapshot_id_is_valid (const char *id);

/* Whether a disk's path is a location elsewhere (nbd://, nbd+unix://) and no file's. */
bool vm_path_is_uri (const char *path);

VmDisk *vm_config_find_disk (const VmConfig *config, const char *id);
VmNic *vm_config_find_nic (const VmConfig *config, const char *id);

/* Whether the description makes sense by itself (files are not looked at). The error names the member. */
bool vm_config_check (const VmConfig *config, GError **error);

/**
 * vm_config_parse:
 * @text: JSON, @length bytes, any bytes at all
 * @file: how errors call it ("vm.json")
 *
 * Errors read "vm.json:12:3: memory: …": line and column from 1, and the path of the member.
 * Returns: (transfer full): the description, or NULL with @error set (BONSAI_ERROR_INVALID).
 */
VmConfig *vm_config_parse (const char *text, gsize length, const char *file, GError **error);

/* The same of a text that was taken apart. */
VmConfig *vm_config_read (JsonText *text, GError **error);

/* The JSON text, with a final newline. (transfer full) */
char *vm_config_to_json (const VmConfig *config);

/* @mine and @theirs were made of @base, at once: both changes; of what both have changed, @mine's. Disks and cards are
 * told apart by their ids. Fails if the two don't go together. (transfer full) */
VmConfig *vm_config_merge (const VmConfig *base, const VmConfig *mine, const VmConfig *theirs, GError **error);

/* What the engine is given: relative paths are resolved against @folder. (transfer full) */
MachineSpec *vm_config_to_spec (const VmConfig *config, const char *folder);

/* "512M", "2G", "1024" (bytes need a suffix B; none: MiB). Bytes, or 0 with @error set. */
uint64_t vm_parse_size (const char *text, GError **error);
/* "512M", "2G", "1536M": the largest binary unit that fits exactly. (transfer full) */
char *vm_format_size (uint64_t bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmConfig, vm_config_free)

G_END_DECLS
