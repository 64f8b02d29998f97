/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include "app/base/error.h"
#include "app/cli/disk-argument.h"
#include "app/disk/disk-look.h"

typedef struct {
  char *bus, *id, *format;
  gboolean read_only, cdrom, json;
  CliSecret secret;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->bus);
  g_free (options->id);
  g_free (options->format);
  cli_secret_clear (&options->secret);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static char *
absolute (const char *what)
{
  return vm_path_is_uri (what) ? g_strdup (what) : g_canonicalize_filename (what, NULL);
}

/* The disk as its owner wants it; *@any_bus: wherever it can be. */
static DiskSpec *
describe (const Options *options, const char *text, bool *any_bus, GError **error)
{
  g_auto (DiskArgument) argument = { 0 };
  g_autoptr (DiskSpec) disk = g_new0 (DiskSpec, 1);

  if (!disk_argument_parse (&argument, "IMAGE", text, error)
      || (options->bus != NULL && !disk_argument_bus ("--bus", options->bus, &argument.bus, error)))
    return NULL;
  *any_bus = options->bus == NULL && !argument.has_bus;
  disk->kind = options->cdrom ? DISK_KIND_CDROM : DISK_KIND_DISK;
  disk->bus = argument.bus;
  disk->id = g_strdup (options->id);
  disk->path = argument.what[0] != '\0' ? absolute (argument.what) : NULL;
  disk->read_only = options->read_only || argument.read_only || options->cdrom;
  disk_options_copy (&disk->options, &argument.options);
  if (options->format != NULL)
    vm_config_set (&disk->options.format, options->format);
  if (disk->path != NULL || options->cdrom)
    return g_steal_pointer (&disk);
  g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "IMAGE is empty; name the disk's image");
  return NULL;
}

/* Records the format; a machine that runs needs the passphrase now, another one when it starts. */
static bool
complete (DiskSpec *disk, Options *options, bool running, GError **error)
{
  g_auto (DiskLook) look = { 0 };
  g_autofree char *prompt = g_strdup_printf ("Passphrase of %s", disk->path);
  bool given = options->secret.file != NULL || options->secret.fd > 0;
  const ImageSecret *image;

  if (disk->kind != DISK_KIND_DISK)
    return true;
  if (!disk_look (&look, disk->path, disk->options.format, error))
    return false;
  vm_config_set (&disk->options.format, look.format);
  if (!look.encrypted || !running || (disk->options.secret_file != NULL && !given))
    return true;
  if (!cli_read_secret (&options->secret, prompt, &image, error))
    return false;
  disk->options.secret = disk_secret_to_bytes (g_steal_pointer (&options->secret.secret));
  return true;
}

static DiskSpec *
attach (const CliMachine *machine, const DiskSpec *disk, bool any_bus, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm == NULL)
    {
      bonsai_session_attach_disk_async (machine->session, disk, any_bus, NULL, cli_wait_ready, &wait);
      return bonsai_session_attach_disk_finish (machine->session, cli_wait (&wait), error);
    }
  bonsai_vm_attach_disk_async (machine->vm, disk, any_bus, NULL, cli_wait_ready, &wait);
  return bonsai_vm_attach_disk_finish (machine->vm, cli_wait (&wait), error);
}

/* As people call it. */
static const char *
bus_name (DiskBus bus)
{
  static const char *const names[] = {
    [DISK_BUS_VIRTIO] = "virtio", [DISK_BUS_AHCI] = "SATA", [DISK_BUS_SCSI] = "SCSI", [DISK_BUS_NVME] = "NVMe",
    [DISK_BUS_USB] = "USB",
  };

  return names[bus];
}

static void
print (const DiskSpec *disk, const char *name, bool running, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print (running ? "%s is attached to “%s”, on %s.\n"
                       : "%s is in “%s” from its next start on, on %s.\n",
               disk->id, name, bus_name (disk->bus));
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "id", disk->id);
  json_add_string (builder, "bus", disk_bus_names[disk->bus]);
  json_add_string (builder, "path", disk->path);
  json_add_string (builder, "format", disk->options.format);
  json_add_bool (builder, "running", running);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_attach (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "bus", 0, 0, G_OPTION_ARG_STRING, &options.bus,
      "sata, scsi, usb, or, of a machine that doesn't run, virtio or nvme (chosen)", "BUS" },
    { "id", 0, 0, G_OPTION_ARG_STRING, &options.id,
      "What it is called (the first disk0, disk1, … that is free)", "ID" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format, "The image's format (its content tells)",
      "FORMAT" },
    { "read-only", 0, 0, G_OPTION_ARG_NONE, &options.read_only, "Refuse writes", NULL },
    { "cdrom", 0, 0, G_OPTION_ARG_NONE, &options.cdrom, "A CD-ROM drive with this disc; \"\": empty", NULL },
    CLI_SECRET_OPTIONS (&options.secret, "", "an encrypted image, for now"),
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliMachine) machine = { 0 };
  g_autoptr (DiskSpec) disk = NULL, became = NULL;
  bool any_bus, running;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  disk = describe (&options, argv[2], &any_bus, &error);
  if (disk == NULL || !cli_find_machine (argv[1], &machine, &error))
    return cli_fail (error);
  running = machine.session != NULL;
  if (!complete (disk, &options, running, &error)
      || (became = attach (&machine, disk, any_bus, &error)) == NULL)
    return cli_fail (error);
  print (became, argv[1], running, options.json);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_attach = { "disk attach", "MACHINE IMAGE[,KEY=VALUE]…",
                                "Put a disk into a machine, also while it runs", run_attach };
