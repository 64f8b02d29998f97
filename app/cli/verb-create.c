/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/base/error.h"
#include "app/bundle/vm-limits.h"
#include "app/cli/chip-options.h"
#include "app/cli/cpu-options.h"
#include "app/cli/disk-argument.h"
#include "app/cli/forward.h"
#include "app/cli/install-options.h"
#include "app/disk/disk-look.h"
#include "app/guests/guests.h"

typedef struct {
  char *memory, *disk, *cdrom, *kernel, *initrd, *append, *network, *nic, *notes, *ready, *disk_bus,
    *firmware, *at_shutdown;
  char **existing, **scsi_hosts, **forwards;
  ChipOptions chips;
  CpuOptions cpus;
  InstallOptions install;
  gboolean json, list_ready;
} Options;

static void
options_clear (Options *options)
{
  char **strings[] = { &options->memory,     &options->disk,   &options->cdrom,    &options->kernel,
                       &options->initrd,     &options->append, &options->network,  &options->nic,
                       &options->notes,      &options->ready,  &options->disk_bus, &options->firmware,
                       &options->at_shutdown };

  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (*strings[i]);
  g_strfreev (options->existing);
  g_strfreev (options->scsi_hosts);
  g_strfreev (options->forwards);
  chip_options_clear (&options->chips);
  cpu_options_clear (&options->cpus);
  install_options_clear (&options->install);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
set_absolute (char **member, const char *path)
{
  if (path == NULL)
    return;
  g_free (*member);
  *member = g_canonicalize_filename (path, NULL);
}

/* A file that isn't there now is more likely a slip than a plan. */
static bool
check_file (const char *path, GError **error)
{
  if (path == NULL || g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is no file %s", path);
  return false;
}

/* What the argument says besides path or size. */
static void
use (VmDisk *disk, const DiskArgument *argument, const Options *options)
{
  for (unsigned i = 0; options->disk_bus != NULL && disk_bus_names[i] != NULL; i++)
    if (g_str_equal (disk_bus_names[i], options->disk_bus) && disk->kind == DISK_KIND_DISK)
      disk->bus = i;
  if (argument->has_bus)
    disk->bus = argument->bus;
  if (disk->kind == DISK_KIND_DISK)
    disk->read_only = argument->read_only;
  disk_options_copy (&disk->options, &argument->options);
}

/* The format is looked at now, by its owner's order, and recorded: a guest can't forge it later. */
static bool
add_existing (VmConfig *config, const Options *options, const char *text, GError **error)
{
  g_auto (DiskArgument) argument = { 0 };
  g_auto (DiskLook) look = { 0 };
  g_autofree char *path = NULL;

  if (!disk_argument_parse (&argument, "--existing-disk", text, error))
    return false;
  path =
    vm_path_is_uri (argument.what) ? g_strdup (argument.what) : g_canonicalize_filename (argument.what, NULL);
  if (!vm_path_is_uri (path) && !check_file (path, error))
    return false;
  if (argument.options.format == NULL)
    {
      if (!disk_look (&look, path, NULL, error))
        return false;
      argument.options.format = g_steal_pointer (&look.format);
    }
  use (vm_config_add_disk (config, path, 0), &argument, options);
  return true;
}

static bool
add_new (VmConfig *config, const Options *options, GError **error)
{
  g_auto (DiskArgument) argument = { 0 };
  g_autofree char *path = NULL;
  uint64_t size;

  if (!disk_argument_parse (&argument, "--disk", options->disk, error))
    return false;
  size = vm_parse_size (argument.what, error);
  if (size == 0)
    {
      g_prefix_error (error, "--disk: ");
      return false;
    }
  if (argument.options.format == NULL)
    argument.options.format = g_strdup ("qcow2");
  path = g_strconcat ("disks/disk0.",
                      g_str_equal (argument.options.format, "raw") ? "img" : argument.options.format, NULL);
  use (vm_config_add_disk (config, path, size), &argument, options);
  return true;
}

static bool
add_cdrom (VmConfig *config, const Options *options, GError **error)
{
  g_auto (DiskArgument) argument = { 0 };
  g_autofree char *path = NULL;

  if (!disk_argument_parse (&argument, "--cdrom", options->cdrom, error))
    return false;
  if (argument.what[0] != '\0')
    path = g_canonicalize_filename (argument.what, NULL);
  if (!check_file (path, error))
    return false;
  use (vm_config_add_cdrom (config, path), &argument, options);
  return true;
}

static bool
add_disks (VmConfig *config, const Options *options, GError **error)
{
  for (unsigned i = 0; options->existing != NULL && options->existing[i] != NULL; i++)
    if (!add_existing (config, options, options->existing[i], error))
      return false;
  if (options->disk != NULL && !add_new (config, options, error))
    return false;
  for (unsigned i = 0; options->scsi_hosts != NULL && options->scsi_hosts[i] != NULL; i++)
    {
      if (!check_file (options->scsi_hosts[i], error))
        return false;
      vm_config_add_scsi_host (config, options->scsi_hosts[i]);
    }
  return options->cdrom == NULL || add_cdrom (config, options, error);
}

static bool
apply (VmConfig *config, const Options *options, GError **error)
{
  if (options->memory != NULL && (config->memory = vm_parse_size (options->memory, error)) == 0)
    {
      g_prefix_error (error, "--memory: ");
      return false;
    }
  if (!cpu_options_apply_to_config (&options->cpus, config, error))
    return false;
  for (unsigned i = 0; options->firmware != NULL && firmware_names[i] != NULL; i++)
    if (g_str_equal (firmware_names[i], options->firmware))
      config->firmware = i;
  for (unsigned i = 0; options->at_shutdown != NULL && vm_at_shutdown_names[i] != NULL; i++)
    if (g_str_equal (vm_at_shutdown_names[i], options->at_shutdown))
      config->at_host_shutdown = i;
  if (options->notes != NULL)
    vm_config_set (&config->notes, options->notes);
  set_absolute (&config->kernel, options->kernel);
  set_absolute (&config->initrd, options->initrd);
  if (options->append != NULL)
    vm_config_set (&config->append, options->append);
  if (!check_file (config->kernel, error) || !check_file (config->initrd, error))
    return false;
  for (unsigned i = 0; options->network != NULL && i < config->nics->len; i++)
    vm_config_set (&((VmNic *)g_ptr_array_index (config->nics, i))->network, options->network);
  for (unsigned i = 0; options->nic != NULL && i < config->nics->len; i++)
    ((VmNic *)g_ptr_array_index (config->nics, i))->model =
      g_str_equal (options->nic, nic_model_names[NIC_MODEL_E1000E]) ? NIC_MODEL_E1000E : NIC_MODEL_VIRTIO;
  if (options->forwards != NULL && config->nics->len > 0
      && !cli_parse_forwards (options->forwards, ((VmNic *)config->nics->pdata[0])->forwards, error))
    return false;
  return chip_options_apply_to_config (&options->chips, config, error) && add_disks (config, options, error);
}

/* --ready: "best", or an id. */
static VmConfig *
ready_config (const char *id, const HostReport *host, GError **error)
{
  g_autoptr (GPtrArray) guests = ready_guests_list (host);

  if (g_str_equal (id, "best"))
    {
      const ReadyGuest *best = ready_guests_best (guests);

      if (best != NULL)
        return ready_guest_config (best, error);
    }
  for (guint i = 0; i < guests->len; i++)
    {
      const ReadyGuest *guest = g_ptr_array_index (guests, i);

      if (g_str_equal (guest->id, id))
        return ready_guest_config (guest, error);
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
               "No ready guest is called “%s”; see “bonsai create --list-ready”", id);
  return NULL;
}

static int
list_ready (const HostReport *host, bool json)
{
  g_autoptr (GPtrArray) guests = ready_guests_list (host);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < guests->len; i++)
    {
      const ReadyGuest *guest = g_ptr_array_index (guests, i);

      if (!json)
        g_print ("%-10s %s%s%s%s\n           %s\n", guest->id, guest->name,
                 guest->installed ? "" : "; needs the package ", guest->installed ? "" : guest->package,
                 guest->runs_here ? "" : "; this host's KVM can't run it", guest->summary);
      json_builder_begin_object (builder);
      json_add_string (builder, "id", guest->id);
      json_add_string (builder, "name", guest->name);
      json_add_string (builder, "summary", guest->summary);
      json_add_string (builder, "package", guest->package);
      json_add_bool (builder, "installed", guest->installed);
      json_add_bool (builder, "runs-here", guest->runs_here);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

/* What the system does well with, for what was not said. */
static void
recommend (VmConfig *config, const Options *options)
{
  const VmDraft *draft = options->install.draft;

  config->memory = draft->memory;
  config->cpus = draft->cpus;
  config->graphics = draft->graphics;
  if (draft->uefi)
    config->firmware = FIRMWARE_UEFI;
  if (draft->os != NULL)
    vm_config_set (&config->os, draft->os->id);
  for (unsigned i = 0; i < config->nics->len; i++)
    ((VmNic *)g_ptr_array_index (config->nics, i))->model = draft->nic;
}

/* A disk that nothing was said about sits where the system has a driver, and one that it installs itself on
 * is made. */
static void
recommend_disks (VmConfig *config, const Options *options)
{
  const VmDraft *draft = options->install.draft;

  if (vm_draft_is_express (draft) && options->disk == NULL && options->existing == NULL)
    {
      VmDisk *disk = vm_config_add_disk (config, "disks/disk0.qcow2", draft->disk);

      vm_config_set (&disk->options.format, "qcow2");
      g_ptr_array_steal_index (config->disks, config->disks->len - 1); /* it is tried before the installer */
      g_ptr_array_insert (config->disks, 0, disk);
    }
  for (unsigned i = 0; options->disk_bus == NULL && i < config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (disk->kind == DISK_KIND_DISK && disk->bus == DISK_BUS_VIRTIO)
        disk->bus = draft->bus;
    }
}

static VmConfig *
make_config (const Options *options, const char *name, const HostReport *host, GError **error)
{
  g_autoptr (VmConfig) config = NULL;

  config = options->ready != NULL ? ready_config (options->ready, host, error) : vm_config_new (name);
  if (config == NULL)
    return NULL;
  if (name != NULL)
    vm_config_set (&config->name, name);
  if (options->install.draft != NULL)
    recommend (config, options);
  if (!apply (config, options, error))
    return NULL;
  if (options->install.draft != NULL)
    recommend_disks (config, options);
  if (!vm_limits_check (host, config->memory, config->cpus, error))
    return NULL;
  return g_steal_pointer (&config);
}

static bool
look_at_system (Options *options, OsCatalog *catalog, const char *name, const HostReport *host,
                GError **error)
{
  g_auto (DiskArgument) argument = { 0 };
  g_autofree char *path = NULL;

  if (!install_options_given (&options->install))
    return true;
  if (options->cdrom != NULL && !disk_argument_parse (&argument, "--cdrom", options->cdrom, error))
    return false;
  if (argument.what != NULL && argument.what[0] != '\0')
    path = g_canonicalize_filename (argument.what, NULL);
  return install_options_look (&options->install, catalog, name, path, host, error);
}

static int
create (Options *options, const char *name)
{
  g_autoptr (OsCatalog) catalog = os_catalog_new ();
  g_autoptr (HostReport) host = host_check (NULL);
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GError *error = NULL;
  BonsaiVm *vm;

  if (options->list_ready)
    return list_ready (host, options->json);
  if (options->install.list_os || options->install.list_media)
    return install_options_list (&options->install, options->json);
  if (!look_at_system (options, catalog, name, host, &error))
    return cli_fail (error);
  config = make_config (options, name, host, &error);
  library = config != NULL ? cli_open_library (&error) : NULL;
  vm = library != NULL ? install_options_create (&options->install, catalog, library, config, &error) : NULL;
  if (vm == NULL)
    return cli_fail (error);
  if (options->json)
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "name", bonsai_vm_get_name (vm));
      json_add_string (builder, "uuid", bonsai_vm_get_uuid (vm));
      json_add_string (builder, "path", bonsai_vm_get_path (vm));
      json_builder_end_object (builder);
      cli_print_json (builder);
    }
  else
    g_print ("“%s” is made: %s\n", bonsai_vm_get_name (vm), bonsai_vm_get_path (vm));
  return EXIT_STATUS_OK;
}

static int
run_create (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  int status;
  const GOptionEntry entries[] = {
    { "memory", 'm', 0, G_OPTION_ARG_STRING, &options.memory, "Memory (512M)", "SIZE" },
    CPU_OPTION_ENTRIES (&options.cpus),
    { "disk", 'd', 0, G_OPTION_ARG_STRING, &options.disk,
      "Make a new disk of this size (qcow2). Settings: " DISK_ARGUMENT_KEYS, "SIZE[,KEY=VALUE]…" },
    { "existing-disk", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.existing,
      "Use a disk image, block device or nbd:// URI that exists; the same settings", "FILE[,KEY=VALUE]…" },
    { "disk-bus", 0, 0, G_OPTION_ARG_STRING, &options.disk_bus,
      "Where disks sit: virtio, ahci, scsi, nvme or usb (virtio)", "BUS" },
    { "cdrom", 0, 0, G_OPTION_ARG_FILENAME, &options.cdrom, "A CD-ROM drive with this medium; \"\": empty",
      "FILE[,bus=scsi]" },
    { "scsi-host", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.scsi_hosts,
      "A SCSI device of the host, passed through: /dev/sgN or its block device", "DEVICE" },
    { "firmware", 0, 0, G_OPTION_ARG_STRING, &options.firmware, "bios, uefi or uefi-secure (bios)", "KIND" },
    { "kernel", 0, 0, G_OPTION_ARG_FILENAME, &options.kernel, "Boot this kernel directly", "FILE" },
    { "initrd", 0, 0, G_OPTION_ARG_FILENAME, &options.initrd, "The kernel's initial RAM disk", "FILE" },
    { "append", 0, 0, G_OPTION_ARG_STRING, &options.append, "The kernel's command line", "TEXT" },
    { "network", 0, 0, G_OPTION_ARG_STRING, &options.network, "nat or none (nat)", "KIND" },
    FORWARD_OPTION_ENTRY (&options.forwards),
    { "nic", 0, 0, G_OPTION_ARG_STRING, &options.nic, "The network card: virtio or e1000e (virtio)",
      "MODEL" },
    CHIP_OPTION_ENTRIES (&options.chips),
    { "at-host-shutdown", 0, 0, G_OPTION_ARG_STRING, &options.at_shutdown,
      "What becomes of it when the host shuts down: suspend, shutdown or power-off (suspend)", "ACTION" },
    { "notes", 0, 0, G_OPTION_ARG_STRING, &options.notes, "Whatever its owner wants to remember", "TEXT" },
    { "ready", 0, 0, G_OPTION_ARG_STRING, &options.ready,
      "A guest from this host's packages; best: the best one", "ID" },
    { "list-ready", 0, 0, G_OPTION_ARG_NONE, &options.list_ready, "List those guests", NULL },
    INSTALL_OPTION_ENTRIES (&options.install),
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!cli_parse (verb, entries, &argc, &argv, 0, 1, &status))
    return status;
  if (argc < 2 && options.ready == NULL && !options.list_ready && !options.install.list_os
      && !options.install.list_media)
    return cli_usage (verb, "the machine needs a name");
  if (options.cpus.cpus < 0)
    return cli_usage (verb, "--cpus must be 1 or more");
  if (options.disk_bus != NULL && !g_strv_contains (disk_bus_names, options.disk_bus))
    return cli_usage (verb, "--disk-bus must be virtio, ahci, scsi, nvme or usb");
  if (options.nic != NULL && !g_strv_contains (nic_model_names, options.nic))
    return cli_usage (verb, "--nic must be virtio or e1000e");
  if (options.firmware != NULL && !g_strv_contains (firmware_names, options.firmware))
    return cli_usage (verb, "--firmware must be bios, uefi or uefi-secure");
  if (options.at_shutdown != NULL && !g_strv_contains (vm_at_shutdown_names, options.at_shutdown))
    return cli_usage (verb, "--at-host-shutdown must be suspend, shutdown or power-off");
  return create (&options, argc > 1 ? argv[1] : NULL);
}

const Verb verb_create = { "create", "NAME", "Make a new machine in the library", run_create };
