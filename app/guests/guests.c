/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/guests/guests.h"

#include "app/base/error.h"
#include "app/guests/linux-guest.h"

#include <glib/gi18n.h>
#include <string.h>

#define MIB (1024ull * 1024)

typedef enum { BY_KERNEL, BY_CDROM, BY_LINUX } Way;

/* A guest that Debian has packaged. */
typedef struct {
  const char *id, *name, *summary, *package, *file;
  Way way;
  bool on_pvm;     /* also runs on KVM without VT-x or AMD-V */
  unsigned memory; /* MiB */
} Known;

/* Best first. */
static const Known known[] = {
  { "linux", N_ ("Small Linux"), N_ ("Debian's kernel with busybox, at the prompt in a few seconds"),
    "linux-image-amd64", NULL, BY_LINUX, false, 512 },
  { "invaders", "GRUB Invaders", N_ ("A game that needs no operating system: arrows move, space shoots"),
    "grub-invaders", "/boot/invaders.exec", BY_KERNEL, true, 64 },
  { "grub", "GRUB Rescue", N_ ("The boot loader's own prompt, from a CD"), "grub-rescue-pc",
    "/usr/lib/grub-rescue/grub-rescue-cdrom.iso", BY_CDROM, true, 128 },
  { "memtest", "Memtest86+", N_ ("The memory tester, at work on the machine's memory"), "memtest86+",
    "/usr/lib/memtest86+/memtest86+x64.iso", BY_CDROM, false, 256 },
};

static const Known *
find_known (const char *id)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (known[i].id, id))
      return &known[i];
  return NULL;
}

void
ready_guest_free (ReadyGuest *guest)
{
  g_free (guest->id);
  g_free (guest->name);
  g_free (guest->summary);
  g_free (guest->package);
  g_free (guest);
}

static ReadyGuest *
look_for (const Known *entry, HostKvmKind kind)
{
  ReadyGuest *guest = g_new0 (ReadyGuest, 1);
  const char *package = entry->package;

  guest->installed = entry->way == BY_LINUX ? linux_guest_is_installed (&package)
                                            : g_file_test (entry->file, G_FILE_TEST_IS_REGULAR);
  guest->runs_here = kind == HOST_KVM_HARDWARE || (kind == HOST_KVM_PVM && entry->on_pvm);
  guest->id = g_strdup (entry->id);
  guest->name = g_strdup (_ (entry->name));
  guest->summary = g_strdup (_ (entry->summary));
  guest->package = g_strdup (package);
  guest->memory = entry->memory * MIB;
  return guest;
}

GPtrArray *
ready_guests_list (const HostReport *report)
{
  GPtrArray *guests = g_ptr_array_new_with_free_func ((GDestroyNotify)ready_guest_free);

  /* Those that can be used now come first. */
  for (unsigned pass = 0; pass < 2; pass++)
    for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
      {
        ReadyGuest *guest = look_for (&known[i], report->kind);

        if ((guest->installed && guest->runs_here) == (pass == 0))
          g_ptr_array_add (guests, guest);
        else
          ready_guest_free (guest);
      }
  return guests;
}

const ReadyGuest *
ready_guests_best (GPtrArray *guests)
{
  const ReadyGuest *first = guests->len > 0 ? g_ptr_array_index (guests, 0) : NULL;

  return first != NULL && first->installed && first->runs_here ? first : NULL;
}

VmConfig *
ready_guest_config (const ReadyGuest *guest, GError **error)
{
  const Known *entry = find_known (guest->id);
  g_autoptr (VmConfig) config = NULL;

  g_return_val_if_fail (entry != NULL, NULL);
  if (entry->file != NULL && !g_file_test (entry->file, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                   "%s is not installed; install it: sudo apt install %s", entry->name, entry->package);
      return NULL;
    }
  config = vm_config_new (entry->name);
  config->memory = entry->memory * MIB;
  switch (entry->way)
    {
    case BY_CDROM:
      vm_config_add_cdrom (config, entry->file);
      break;
    case BY_KERNEL:
      vm_config_set (&config->kernel, entry->file);
      break;
    case BY_LINUX:
      if (!linux_guest_build (&config->kernel, &config->initrd, error))
        return NULL;
      vm_config_set (&config->append, "quiet");
      break;
    }
  return g_steal_pointer (&config);
}
