/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/base/error.h"
#include "app/bundle/vm-limits.h"
#include "app/cli/chip-options.h"
#include "app/cli/cpu-options.h"
#include "app/cli/disk-argument.h"
#include "app/cli/forward.h"
#include "app/session/local-session.h"
#include "app/session/session-server.h"
#include "app/snapshot/snapshot-guard.h"
#include "devices/platform/machine-spec.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  char *kernel, *initrd, *append, *memory, *debugcon, *screenshot, *name, *trace, *trace_file, *network, *nic,
    *disk_bus, *firmware, *nvram;
  char **disks, **cdroms, **scsi_hosts, **forwards;
  ChipOptions chips;
  CpuOptions cpus;
  int timeout;
  gboolean debug_exit, headless, no_display, boot_menu;
} Options;

static void
options_clear (Options *options)
{
  char *strings[] = { options->kernel,     options->initrd,  options->append, options->memory,
                      options->debugcon,   options->name,    options->trace,  options->screenshot,
                      options->trace_file, options->network, options->nic,    options->disk_bus,
                      options->firmware,   options->nvram };

  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_strfreev (options->disks);
  g_strfreev (options->cdroms);
  g_strfreev (options->scsi_hosts);
  g_strfreev (options->forwards);
  chip_options_clear (&options->chips);
  cpu_options_clear (&options->cpus);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
set (char **member, const char *value)
{
  if (value == NULL)
    return;
  g_free (*member);
  *member = g_strdup (value);
}

/* --- what the machine is --- */

static bool
add_drive (MachineSpec *spec, DiskKind kind, DiskBus bus, const char *text, GError **error)
{
  static const char *const names[] = {
    [DISK_KIND_DISK] = "--disk", [DISK_KIND_CDROM] = "--cdrom", [DISK_KIND_SCSI_HOST] = "--scsi-host"
  };
  g_auto (DiskArgument) argument = { 0 };
  DiskSpec *disk;

  if (!disk_argument_parse (&argument, names[kind], text, error))
    return false;
  if (!vm_path_is_uri (argument.what) && !snapshot_guard_copy (argument.what, NULL, error))
    return false;
  disk = machine_spec_add_disk (spec, kind, argument.has_bus ? argument.bus : bus,
                                argument.what[0] != '\0' ? argument.what : NULL,
                                argument.read_only || kind == DISK_KIND_CDROM);
  disk_options_copy (&disk->options, &argument.options);
  return true;
}

static bool
add_kind (MachineSpec *spec, DiskKind kind, DiskBus bus, char **texts, GError **error)
{
  for (unsigned i = 0; texts != NULL && texts[i] != NULL; i++)
    if (!add_drive (spec, kind, bus, texts[i], error))
      return false;
  return true;
}

static bool
add_drives (MachineSpec *spec, const Options *options, GError **error)
{
  DiskBus bus = DISK_BUS_VIRTIO;

  for (unsigned i = 0; options->disk_bus != NULL && disk_bus_names[i] != NULL; i++)
    if (g_str_equal (disk_bus_names[i], options->disk_bus))
      bus = i;
  return add_kind (spec, DISK_KIND_DISK, bus, options->disks, error)
         && add_kind (spec, DISK_KIND_SCSI_HOST, DISK_BUS_SCSI, options->scsi_hosts, error)
         && add_kind (spec, DISK_KIND_CDROM, DISK_BUS_AHCI, options->cdroms, error);
}

static void
set_network (MachineSpec *spec, const char *network, const char *model)
{
  for (unsigned i = 0; model != NULL && i < spec->nics->len; i++)
    ((NicSpec *)g_ptr_array_index (spec->nics, i))->model =
      g_str_equal (model, nic_model_names[NIC_MODEL_E1000E]) ? NIC_MODEL_E1000E : NIC_MODEL_VIRTIO;
  for (unsigned i = 0; network != NULL && i < spec->nics->len; i++)
    set (&((NicSpec *)g_ptr_array_index (spec->nics, i))->network, network);
}

static MachineSpec *
make_spec (const Options *options, GError **error)
{
  g_autoptr (MachineSpec) spec = machine_spec_new ();
  g_autoptr (HostReport) host = host_check (NULL);
  g_autofree char *blocker = host_report_blocker (host);

  if (blocker != NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s", blocker);
      return NULL;
    }
  if (options->memory != NULL && (spec->memory = vm_parse_size (options->memory, error)) == 0)
    {
      g_prefix_error (error, "--memory: ");
      return NULL;
    }
  if (!cpu_options_apply_to_spec (&options->cpus, spec, error))
    return NULL;
  if (!vm_limits_check (host, spec->memory, spec->n_cpus, error))
    return NULL;
  for (unsigned i = 0; options->firmware != NULL && firmware_names[i] != NULL; i++)
    if (g_str_equal (firmware_names[i], options->firmware))
      spec->firmware = i;
  if (options->kernel != NULL)
    spec->firmware = FIRMWARE_NONE;
  spec->boot_menu = options->boot_menu;
  set (&spec->nvram, options->nvram);
  spec->debug_exit = options->debug_exit;
  spec->video_memory = options->no_display ? 0 : spec->video_memory;
  set (&spec->name, options->name);
  set (&spec->kernel, options->kernel);
  set (&spec->initrd, options->initrd);
  set (&spec->append, options->append);
  set (&spec->debugcon, options->debugcon);
  set (&spec->trace, options->trace);
  set (&spec->trace_path, options->trace_file);
  set_network (spec, options->network, options->nic);
  if (!cli_parse_forwards (options->forwards, ((NicSpec *)spec->nics->pdata[0])->forwards, error))
    return NULL;
  if (!chip_options_apply_to_spec (&options->chips, spec, error) || !add_drives (spec, options, error))
    return NULL;
  return machine_spec_check (spec, error) ? g_steal_pointer (&spec) : NULL;
}

/* --- running it --- */

typedef struct {
  BonsaiSession *session;
  bool timed_out, had_window;
} Run;

static void
ignore_control (GObject *source, GAsyncResult *result, gpointer data)
{
  bonsai_session_control_finish (BONSAI_SESSION (source), result, NULL);
}

static void
power_off (Run *run)
{
  bonsai_session_control_async (run->session, BONSAI_CONTROL_POWER_OFF, 0, NULL, ignore_control, NULL);
}

/* A second one does what signals do by default: end the process at once. */
static gboolean
on_signal (gpointer data)
{
  power_off (data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_timeout (gpointer data)
{
  Run *run = data;

  run->timed_out = true;
  power_off (run);
  return G_SOURCE_CONTINUE;
}

/* Without a bundle there is nobody who could find the machine again: closing its window ends it. */
static void
on_changed (BonsaiSession *session, gpointer data)
{
  Run *run = data;

  if (run->had_window && !bonsai_session_get_console_open (session)
      && bonsai_state_is_alive (bonsai_session_get_state (session)))
    power_off (run);
}

static bool
show_window (Run *run, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  bonsai_session_show_console_async (run->session, true, NULL, cli_wait_ready, &wait);
  return run->had_window = bonsai_session_show_console_finish (run->session, cli_wait (&wait), error);
}

static bool
start (Run *run, Consoles *consoles, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  /* Better before the guest runs than after. */
  if (consoles != NULL && consoles_get_host (consoles, error) == NULL)
    return false;
  local_session_start_async (LOCAL_SESSION (run->session), NULL, cli_wait_ready, &wait);
  return local_session_start_finish (LOCAL_SESSION (run->session), cli_wait (&wait), error);
}

static void
wait_for_end (Run *run, const Options *options)
{
  g_unix_signal_add (SIGINT, on_signal, run);
  g_unix_signal_add (SIGTERM, on_signal, run);
  g_unix_signal_add (SIGHUP, on_signal, run);
  if (options->timeout > 0)
    g_timeout_add_seconds ((guint)options->timeout, on_timeout, run);

  /* A crash stays on show until its window is closed, unless the time is up. */
  while (bonsai_state_is_alive (bonsai_session_get_state (run->session))
         || (bonsai_session_get_console_open (run->session) && options->timeout == 0))
    g_main_context_iteration (NULL, true);
  /* The sources are this process's last. */
}

static bool
keep_picture (Run *run, const char *path, GError **error)
{
  Surface *picture = local_session_get_last_picture (LOCAL_SESSION (run->session));

  if (path == NULL)
    return true;
  if (picture != NULL)
    return surface_save_png (picture, path, error);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "%s: the machine has shown no picture", path);
  return false;
}

static int
conclude (Run *run, const Options *options)
{
  GError *error = NULL;

  if (bonsai_session_get_state (run->session) == BONSAI_STATE_CRASHED)
    g_printerr ("bonsai: %s\n", bonsai_session_get_message (run->session));
  if (!keep_picture (run, options->screenshot, &error))
    return cli_fail (error);
  if (run->timed_out)
    {
      g_printerr ("bonsai: powered off after %d s\n", options->timeout);
      return EXIT_STATUS_TIMEOUT;
    }
  return bonsai_session_get_exit_status (run->session);
}

static int
run_machine (const Options *options)
{
  g_autoptr (MachineSpec) spec = NULL;
  g_autoptr (Consoles) consoles = options->headless ? NULL : consoles_new (NULL);
  g_autoptr (LocalSession) session = NULL;
  g_autoptr (SessionServer) server = NULL;
  g_autoptr (GError) unreachable = NULL;
  GError *error = NULL;
  Run run = { 0 };

  spec = make_spec (options, &error);
  if (spec == NULL)
    return cli_fail (error);
  session = local_session_new (spec, consoles);
  run.session = BONSAI_SESSION (session);
  if (!start (&run, consoles, &error))
    return cli_fail (error);
  server = session_server_new (run.session, &unreachable);
  if (server == NULL)
    g_printerr ("bonsai: warning: %s\n", unreachable->message);
  g_signal_connect (session, "changed", G_CALLBACK (on_changed), &run);
  if (!options->headless && bonsai_state_is_alive (bonsai_session_get_state (run.session))
      && !show_window (&run, &error))
    return cli_fail (error);
  wait_for_end (&run, options);
  g_signal_handlers_disconnect_by_data (session, &run);
  return conclude (&run, options);
}

static int
check_options (const Verb *verb, const Options *options)
{
  if (options->cpus.cpus < 0 || options->cpus.cpus > 255)
    return cli_usage (verb, "--cpus must be 1 to 255");
  if (options->timeout < 0 || options->timeout > 864000)
    return cli_usage (verb, "--timeout must be 1 to 864000 seconds");
  if (options->network != NULL && !g_str_equal (options->network, "nat")
      && !g_str_equal (options->network, "none"))
    return cli_usage (verb, "--network must be nat or none");
  if (options->nic != NULL && !g_strv_contains (nic_model_names, options->nic))
    return cli_usage (verb, "--nic must be virtio or e1000e");
  if (options->disk_bus != NULL && !g_strv_contains (disk_bus_names, options->disk_bus))
    return cli_usage (verb, "--disk-bus must be virtio, ahci, scsi, nvme or usb");
  if (options->firmware != NULL && !g_strv_contains (firmware_names, options->firmware))
    return cli_usage (verb, "--firmware must be bios, uefi or uefi-secure");
  if (options->kernel == NULL && (options->initrd != NULL || options->append != NULL))
    return cli_usage (verb, "--initrd and --append go with --kernel");
  return EXIT_STATUS_OK;
}

static int
run_run (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  int status;
  const GOptionEntry entries[] = {
    { "kernel", 'k', 0, G_OPTION_ARG_FILENAME, &options.kernel,
      "Boot a bzImage, PVH or Multiboot kernel directly", "FILE" },
    { "initrd", 'i', 0, G_OPTION_ARG_FILENAME, &options.initrd, "Its initial RAM disk, or Multiboot module",
      "FILE" },
    { "append", 'a', 0, G_OPTION_ARG_STRING, &options.append, "Its command line", "TEXT" },
    { "disk", 'd', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.disks,
      "A disk image, block device or nbd:// URI; may be repeated. Settings: " DISK_ARGUMENT_KEYS,
      "FILE[,KEY=VALUE]…" },
    { "disk-bus", 0, 0, G_OPTION_ARG_STRING, &options.disk_bus,
      "Where disks sit: virtio, ahci, scsi, nvme or usb (virtio)", "BUS" },
    { "cdrom", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.cdroms,
      "A CD-ROM drive with this medium; \"\": empty", "FILE[,bus=scsi]" },
    { "scsi-host", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.scsi_hosts,
      "A SCSI device of the host, passed through: /dev/sgN or its block device", "DEVICE" },
    { "firmware", 0, 0, G_OPTION_ARG_STRING, &options.firmware, "bios, uefi or uefi-secure (bios)", "KIND" },
    { "nvram", 0, 0, G_OPTION_ARG_FILENAME, &options.nvram,
      "Where UEFI keeps its variables; made if missing. Without it they are forgotten", "FILE" },
    { "boot-menu", 0, 0, G_OPTION_ARG_NONE, &options.boot_menu,
      "Let the firmware wait 10 s for the key that opens its boot menu", NULL },
    { "memory", 'm', 0, G_OPTION_ARG_STRING, &options.memory, "Memory (512M)", "SIZE" },
    CPU_OPTION_ENTRIES (&options.cpus),
    { "network", 0, 0, G_OPTION_ARG_STRING, &options.network, "nat or none (nat)", "KIND" },
    FORWARD_OPTION_ENTRY (&options.forwards),
    { "nic", 0, 0, G_OPTION_ARG_STRING, &options.nic, "The network card: virtio or e1000e (virtio)",
      "MODEL" },
    CHIP_OPTION_ENTRIES (&options.chips),
    { "debugcon", 0, 0, G_OPTION_ARG_FILENAME, &options.debugcon, "A file for what is written to port 0x402",
      "FILE" },
    { "debug-exit", 0, 0, G_OPTION_ARG_NONE, &options.debug_exit, "Add the debug-exit port 0xf4", NULL },
    { "screenshot-on-exit", 0, 0, G_OPTION_ARG_FILENAME, &options.screenshot, "Keep the last picture",
      "FILE.png" },
    { "timeout", 't', 0, G_OPTION_ARG_INT, &options.timeout, "Power off after this time, with status 10",
      "SECONDS" },
    { "headless", 0, 0, G_OPTION_ARG_NONE, &options.headless, "Without a console window", NULL },
    { "no-display", 0, 0, G_OPTION_ARG_NONE, &options.no_display, "Without a display adapter", NULL },
    { "name", 'n', 0, G_OPTION_ARG_STRING, &options.name, "A name, by which the other verbs find it (bonsai)",
      "NAME" },
    { "trace", 0, 0, G_OPTION_ARG_STRING, &options.trace, "Trace what devices do: \"ahci*,*:guest-error\"",
      "PATTERN" },
    { "trace-file", 0, 0, G_OPTION_ARG_FILENAME, &options.trace_file, "Where to (standard error)", "FILE" },
    G_OPTION_ENTRY_NULL,
  };

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  if (options.no_display)
    options.headless = true;
  status = check_options (verb, &options);
  return status == EXIT_STATUS_OK ? run_machine (&options) : status;
}

const Verb verb_run = { "run", "", "Run a machine without a bundle, as the options describe it", run_run };
