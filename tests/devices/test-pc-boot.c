/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PC on the host's KVM, whatever its kind: firmware runs to its boot search, again after a reset, and a
 * state taken meanwhile fits into another machine. */
#include "devices/platform/pc-private.h"

#include "devices/usb/usb-host.h"
#include "tests/devices/fake-usb-link.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_S 60

typedef struct {
  char *folder, *fifo;
  int log; /* the debug console's reading end */
  GString *text;
  MachineSpec *spec;
  Pc *pc;
  GMutex lock;
  GCond changed;
  unsigned n_resets;
  bool ended;
  MachineReason reason;
} Fixture;

static void
on_event (Machine *machine, const MachineEvent *event, void *data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->n_resets += event->was_reset;
  f->ended = event->state == MACHINE_ENDED;
  f->reason = event->reason;
  g_cond_broadcast (&f->changed);
  g_mutex_unlock (&f->lock);
}

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("bonsai-boot-XXXXXX", NULL);
  f->fifo = g_build_filename (f->folder, "log", NULL);
  g_assert_cmpint (mkfifo (f->fifo, 0600), ==, 0);
  f->log = open (f->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (f->log, >=, 0);
  f->text = g_string_new (NULL);
  f->spec = machine_spec_new ();
  f->spec->memory = 64 << 20;
  f->spec->debugcon = g_strdup (f->fifo);
  g_ptr_array_set_size (f->spec->nics, 0);
  f->spec->usb = g_strcmp0 (data, "usb") == 0;
  machine_spec_add_disk (f->spec, DISK_KIND_CDROM, DISK_BUS_AHCI, NULL, true);
  f->pc = pc_new (f->spec, on_event, f, &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  pc_free (f->pc);
  machine_spec_unref (f->spec);
  close (f->log);
  g_unlink (f->fifo);
  g_rmdir (f->folder);
  g_free (f->fifo);
  g_free (f->folder);
  g_string_free (f->text, TRUE);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->changed);
}

/* Reads the firmware's log until it says @sign, and forgets it up to there. */
static void
wait_for (Fixture *f, const char *sign)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_S * G_TIME_SPAN_SECOND;
  const char *found;

  while (!(found = strstr (f->text->str, sign)))
    {
      struct pollfd poller = { .fd = f->log, .events = POLLIN };
      gint64 left = (end - g_get_monotonic_time ()) / 1000;
      char piece[4096];
      ssize_t n;

      if (left <= 0 || poll (&poller, 1, left) <= 0)
        g_error ("The firmware did not say \"%s\", but this:\n%s", sign, f->text->str);
      n = read (f->log, piece, sizeof piece);
      if (n > 0)
        g_string_append_len (f->text, piece, n);
    }
  g_string_erase (f->text, 0, found - f->text->str + strlen (sign));
}

static void
test_firmware (Fixture *f, gconstpointer unused)
{
  machine_run (pc_machine (f->pc));
  wait_for (f, "SeaBIOS (version");
  wait_for (f, "Found QEMU fw_cfg");
  wait_for (f, "using q35 mmconfig at 0xb0000000");
  wait_for (f, "Copying SMBIOS");
  wait_for (f, "Start SeaVGABIOS");
  wait_for (f, "AHCI controller at 00:1f.2");
  wait_for (f, "PS2 keyboard initialized");
  wait_for (f, "enter handle_19");

  machine_reset (pc_machine (f->pc));
  wait_for (f, "SeaBIOS (version");
  wait_for (f, "enter handle_19");
  g_assert_cmpuint (f->n_resets, ==, 1);
}

static void
wait_state (Fixture *f, MachineState from, MachineState to)
{
  g_assert_cmpint (machine_wait_while (pc_machine (f->pc), from, PATIENCE_S * 1000), ==, to);
}

static void
test_state (Fixture *f, gconstpointer unused)
{
  g_autoptr (GBytes) state = NULL;
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Pc) twin = NULL;

  machine_run (pc_machine (f->pc));
  wait_for (f, "Start SeaVGABIOS");
  machine_pause (pc_machine (f->pc));
  wait_state (f, MACHINE_RUNNING, MACHINE_PAUSED);
  state = machine_save (pc_machine (f->pc), &error);
  g_assert_no_error (error);

  g_free (f->spec->debugcon);
  f->spec->debugcon = g_strdup ("/dev/null");
  twin = pc_new (f->spec, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (
    machine_load (pc_machine (twin), g_bytes_get_data (state, NULL), g_bytes_get_size (state), &error));
  g_assert_no_error (error);
  again = machine_save (pc_machine (twin), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (again), ==, g_bytes_get_size (state));

  /* The first one goes on as if nothing had been. */
  machine_run (pc_machine (f->pc));
  wait_for (f, "enter handle_19");
}

static void
test_medium (Fixture *f, gconstpointer unused)
{
  g_autofree char *disc = g_build_filename (f->folder, "disc.iso", NULL);
  g_autofree char *content = g_malloc0 (1 << 20);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (disc, content, 1 << 20, NULL));
  g_assert_true (pc_change_medium (f->pc, "cd0", disc, false, &error));
  g_assert_no_error (error);
  g_assert_true (pc_change_medium (f->pc, "cd0", NULL, false, &error));
  g_assert_false (pc_change_medium (f->pc, "cd1", disc, false, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (pc_change_medium (f->pc, "cd0", f->folder, false, &error));
  g_assert_nonnull (error);
  g_unlink (disc);
}

static DiskSpec *
disk_at (const char *path, DiskBus bus)
{
  const DiskSpec disk = { .kind = DISK_KIND_DISK, .bus = bus, .path = (char *)path };

  return disk_spec_copy (&disk);
}

/* Whether nobody has @path open to write. */
static bool
is_free (const char *path)
{
  g_autoptr (EventLoop) loop = loop_new ("look", NULL);
  g_autoptr (Image) image =
    image_open (loop, path, &(ImageOptions){ .format = "raw", .exclusive_lock = true }, NULL);

  return image != NULL;
}

/* What can't be plugged in is refused with the reason, and leaves nothing open. */
static void
test_disks_refused (Fixture *f, const char *path)
{
  static const struct {
    DiskBus bus;
    const char *id;
    int code;
    const char *remedy;
  } cases[] = {
    { DISK_BUS_VIRTIO, NULL, VMM_ERROR_UNSUPPORTED, "sata, scsi or usb" },
    { DISK_BUS_SCSI, NULL, VMM_ERROR_UNSUPPORTED, "put the disk on sata" },
    { DISK_BUS_USB, NULL, VMM_ERROR_UNSUPPORTED, "turn USB on" },
    { DISK_BUS_AHCI, "cd0", VMM_ERROR_BUSY, "another id" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (DiskSpec) disk = disk_at (path, cases[i].bus);
      g_autoptr (GError) error = NULL;

      disk->id = g_strdup (cases[i].id);
      g_assert_false (pc_attach_disk (f->pc, disk, false, &error));
      g_assert_error (error, VMM_ERROR, cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].remedy));
      g_assert_true (is_free (path));
    }
}

static void
test_disks (Fixture *f, gconstpointer unused)
{
  g_autofree char *path = g_build_filename (f->folder, "disk.img", NULL), *cdrom = pc_first_cdrom (f->pc);
  g_autoptr (DiskSpec) disk = disk_at (path, DISK_BUS_VIRTIO), twin = disk_at (path, DISK_BUS_AHCI);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (cdrom, ==, "cd0");
  g_assert_true (image_create_raw (path, 1 << 20, &error));
  test_disks_refused (f, path);

  g_assert_true (pc_attach_disk (f->pc, disk, true, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (disk->id, ==, "disk0");
  g_assert_cmpint (disk->bus, ==, DISK_BUS_AHCI);
  g_assert_false (is_free (path));
  g_assert_nonnull (pc_disk_image (f->pc, "disk0", &error));
  g_assert_true (pc_limit_disk (f->pc, "disk0", &(ImageLimits){ .iops = 1 }, &error));
  g_assert_true (pc_grow_disk (f->pc, "disk0", 2 << 20, &error));
  g_assert_false (pc_attach_disk (f->pc, twin, false, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  g_clear_error (&error);

  g_assert_false (pc_detach_disk (f->pc, "disk7", false, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (pc_detach_disk (f->pc, "disk0", false, &error));
  g_assert_no_error (error);
  g_assert_true (is_free (path));
  g_assert_null (pc_disk_image (f->pc, "disk0", NULL));
  g_assert_true (pc_attach_disk (f->pc, twin, false, &error));
  g_assert_true (pc_detach_disk (f->pc, twin->id, true, &error));

  /* A drive goes with its disc. */
  g_assert_true (pc_change_medium (f->pc, NULL, path, false, &error));
  g_assert_true (pc_detach_disk (f->pc, "cd0", false, &error));
  g_assert_null (pc_first_cdrom (f->pc));
  g_unlink (path);
}

/* Nothing is left behind when a part can't be had. */
static void
test_failures (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  machine_spec_add_disk (f->spec, DISK_KIND_DISK, DISK_BUS_AHCI, f->folder, false);
  g_assert_null (pc_new (f->spec, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, f->folder));
  g_clear_error (&error);

  ((DiskSpec *)f->spec->disks->pdata[1])->bus = DISK_BUS_VIRTIO;
  g_assert_null (pc_new (f->spec, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, f->folder));
  g_clear_error (&error);

  g_ptr_array_set_size (f->spec->disks, 0);
  f->spec->serial[0] = (SerialSpec){ SERIAL_FILE, g_strdup ("/no/such/folder/file") };
  g_assert_null (pc_new (f->spec, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "/no/such/folder/file"));
  g_clear_error (&error);

  f->spec->serial[0].kind = SERIAL_NONE;
  f->spec->memory = UINT64_C (1) << 40;
  g_assert_null (pc_new (f->spec, NULL, NULL, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_RESOURCE);
}

/* What was plugged in before the machine runs is reset, and asked what it is, by firmware that enumerates. */
static void
test_usb_host (Fixture *f, gconstpointer unused)
{
  const UsbHostName name = { "1-2", "0951:1666:60A44C4251", "Stick" };
  g_autoptr (GError) error = NULL;
  FakeUsbLink *fake;
  bool freed = false;
  guint n_urbs;

  fake = fake_usb_link_new (f->pc->usb_hosts[0], &freed);
  g_assert_true (usb_host_plug (f->pc->usb_hosts[0], &fake->link, &name, &error));
  g_assert_no_error (error);
  machine_run (pc_machine (f->pc));
  wait_for (f, "SeaBIOS (version");
  wait_for (f, "enter handle_19");
  device_lock (fake->device);
  n_urbs = fake->urbs.length + fake->n_cancelled;
  device_unlock (fake->device);
  g_assert_cmpuint (fake->n_resets, >, 0);
  g_assert_cmpuint (n_urbs, >, 0);
  g_assert_true (pc_detach_usb (f->pc, name.key, &error));
  g_assert_true (freed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add (name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/pc-boot/firmware", test_firmware);
  g_test_add ("/pc-boot/usb-host", Fixture, "usb", fixture_set_up, test_usb_host, fixture_tear_down);
  ADD ("/pc-boot/state", test_state);
  ADD ("/pc-boot/medium", test_medium);
  ADD ("/pc-boot/disks", test_disks);
  ADD ("/pc-boot/failures", test_failures);
#undef ADD
  return g_test_run ();
}
