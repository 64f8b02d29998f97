/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/host-check.h"

#include "vmm/kvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LITTLE_MEMORY (UINT64_C (1) << 30)

/* What /proc tells. */
typedef struct {
  HostPaths paths;
  char *cpuinfo;
  char *modules;
  bool vmx, svm;
  bool in_vm; /* this host is a virtual machine itself */
} Host;

static void
finding_free (void *data)
{
  HostFinding *finding = data;

  g_free (finding->id);
  g_free (finding->text);
  g_free (finding->remedy);
  g_free (finding->command);
  g_free (finding);
}

static void
add_finding (HostReport *report, HostFindingLevel level, const char *id, const char *remedy, const char *format, ...)
  G_GNUC_PRINTF (5, 6);

static void
add_finding (HostReport *report, HostFindingLevel level, const char *id, const char *remedy, const char *format, ...)
{
  HostFinding *finding = g_new0 (HostFinding, 1);
  va_list args;

  va_start (args, format);
  finding->level = level;
  finding->id = g_strdup (id);
  finding->text = g_strdup_vprintf (format, args);
  finding->remedy = g_strdup (remedy);
  va_end (args);
  g_ptr_array_add (report->findings, finding);
}

/* What mends the finding that was added last. */
static void set_command (HostReport *report, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
set_command (HostReport *report, const char *format, ...)
{
  HostFinding *finding = g_ptr_array_index (report->findings, report->findings->len - 1);
  va_list args;

  va_start (args, format);
  finding->command = g_strdup_vprintf (format, args);
  va_end (args);
}

/* --- /proc --- */

static char *
read_text (const char *path)
{
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* The value of the first "key : value" line of @text, or NULL. (transfer full) */
static char *
value_of (const char *text, const char *key)
{
  size_t length = strlen (key);

  for (const char *line = text; line && *line; line = strchr (line, '\n'))
    {
      const char *colon;

      line += *line == '\n';
      if (strncmp (line, key, length) != 0 || !strchr ("\t :", line[length]))
        continue;
      colon = strchr (line, ':');
      if (colon)
        return g_strstrip (g_strndup (colon + 1, strcspn (colon + 1, "\n")));
    }
  return NULL;
}

static bool
has_word (const char *words, const char *word)
{
  g_auto (GStrv) list = g_strsplit (words ? words : "", " ", -1);

  return g_strv_contains ((const char *const *) list, word);
}

static bool
has_module (const Host *host, const char *name)
{
  size_t length = strlen (name);

  for (const char *line = host->modules; line && *line; line = strchr (line, '\n'))
    {
      line += *line == '\n';
      if (strncmp (line, name, length) == 0 && line[length] == ' ')
        return true;
    }
  return false;
}

static void
read_host (Host *host, const HostPaths *paths, HostReport *report)
{
  g_autofree char *flags = NULL;
  g_autofree char *meminfo = NULL;
  g_autofree char *total = NULL;
  g_autofree char *available = NULL;
  long online = sysconf (_SC_NPROCESSORS_ONLN);

  if (paths)
    host->paths = *paths;
  host->cpuinfo = read_text (host->paths.cpuinfo_path ? host->paths.cpuinfo_path : "/proc/cpuinfo");
  host->modules = read_text (host->paths.modules_path ? host->paths.modules_path : "/proc/modules");
  flags = value_of (host->cpuinfo, "flags");
  host->vmx = has_word (flags, "vmx");
  host->svm = has_word (flags, "svm");
  host->in_vm = has_word (flags, "hypervisor");

  report->cpu_model = value_of (host->cpuinfo, "model name");
  if (!report->cpu_model)
    report->cpu_model = g_strdup ("unknown");
  report->n_cpus = online > 0 ? (unsigned) online : 1;

  meminfo = read_text (host->paths.meminfo_path ? host->paths.meminfo_path : "/proc/meminfo");
  total = value_of (meminfo, "MemTotal");
  available = value_of (meminfo, "MemAvailable");
  report->memory_total = total ? g_ascii_strtoull (total, NULL, 10) << 10 : 0;
  report->memory_available = available ? g_ascii_strtoull (available, NULL, 10) << 10 : 0;
}

/* --- findings --- */

/* Names the hypervisors of others that are loaded, or NULL. */
static const char *
foreign_hypervisor (const Host *host)
{
  bool virtualbox = has_module (host, "vboxdrv");
  bool vmware = has_module (host, "vmmon");

  return virtualbox && vmware ? _ ("VirtualBox and VMware") : virtualbox ? "VirtualBox" : vmware ? "VMware" : NULL;
}

static void
explain_missing_kvm (const Host *host, HostReport *report)
{
  const char *module = host->svm ? "kvm_amd" : "kvm_intel";

  if ((host->vmx || host->svm) && !has_module (host, module))
    {
      g_autofree char *remedy = g_strdup_printf (_ ("Load the module with \"sudo modprobe %s\". If that fails with "
                                                 "\"Operation not supported\", switch on %s in the firmware setup."),
                                                 module, host->svm ? "SVM (AMD-V)" : "VT-x");

      add_finding (report, HOST_FINDING_ERROR, "kvm-module", remedy,
                   _ ("There is no /dev/kvm: the processor can run virtual machines, but the kernel module %s is not "
                   "loaded."),
                   module);
      set_command (report, "modprobe %s", module);
    }
  else if (host->vmx || host->svm)
    add_finding (report, HOST_FINDING_ERROR, "kvm-missing",
                 _ ("Look into \"sudo dmesg | grep kvm\": often virtualization is switched off in the firmware setup. "
                 "In a container, pass the device /dev/kvm through."),
                 _ ("There is no /dev/kvm, although the kernel module %s is loaded."), module);
  else if (host->in_vm)
    add_finding (report, HOST_FINDING_ERROR, "kvm-nested",
                 _ ("Switch on nested virtualization for this virtual machine on its host, or run Bonsai on the host "
                 "itself."),
                 _ ("There is no /dev/kvm: this computer is itself a virtual machine, and its host does not pass "
                 "hardware virtualization on."));
  else
    add_finding (report, HOST_FINDING_ERROR, "kvm-firmware-off",
                 _ ("Switch on VT-x (\"Intel Virtualization Technology\") or SVM (\"AMD-V\") in the firmware setup and "
                 "start the computer anew."),
                 _ ("There is no /dev/kvm: the processor offers no hardware virtualization; it is switched off in the "
                 "firmware setup, or the processor has none."));
}

static void
explain_open_error (const Host *host, HostReport *report, const char *path, int open_errno)
{
  switch (open_errno)
    {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
      explain_missing_kvm (host, report);
      break;
    case EACCES:
    case EPERM:
      add_finding (report, HOST_FINDING_ERROR, "kvm-permission",
                   _ ("Join the group with \"sudo usermod -aG kvm $USER\", then log out and in again."),
                   _ ("You may not use %s: it belongs to the group kvm, and you are not in it."), path);
      set_command (report, "usermod -aG kvm %s", g_get_user_name ());
      break;
    case EBUSY:
      add_finding (report, HOST_FINDING_ERROR, "kvm-busy", _ ("Stop the other hypervisor's machines and try again."),
                   _ ("%s is busy: another hypervisor holds the processor's virtualization."), path);
      break;
    default:
      add_finding (report, HOST_FINDING_ERROR, "kvm-missing", NULL, _ ("Can't open %s: %s."), path,
                   g_strerror (open_errno));
      break;
    }
}

static bool
check_capabilities (HostReport *report, int fd)
{
  bool complete = true;

  for (const KvmCapability *cap = kvm_required_capabilities; cap->name; cap++)
    {
      g_autofree char *lower = NULL;
      g_autofree char *id = NULL;

      if (ioctl (fd, KVM_CHECK_EXTENSION, cap->number) > 0)
        continue;
      lower = g_ascii_strdown (cap->name + strlen ("KVM_CAP_"), -1);
      id = g_strdup_printf ("kvm-capability-%s", g_strdelimit (lower, "_", '-'));
      add_finding (report, HOST_FINDING_ERROR, id, _ ("Update the host's kernel."),
                   _ ("This host's KVM lacks %s, which is needed for %s."), cap->name, cap->what);
      complete = false;
    }
  return complete;
}

/* Only an attempt shows whether somebody else holds the processor's virtualization. */
static bool
check_create (const Host *host, HostReport *report, int fd)
{
  const char *foreign = foreign_hypervisor (host);
  int vm, saved_errno;

  do
    vm = ioctl (fd, KVM_CREATE_VM, 0);
  while (vm < 0 && errno == EINTR);
  if (vm >= 0)
    {
      close (vm);
      return true;
    }
  saved_errno = errno;
  if (saved_errno == EBUSY || saved_errno == ENODEV || saved_errno == EIO || foreign)
    add_finding (report, HOST_FINDING_ERROR, "kvm-busy",
                 foreign ? _ ("Stop the other hypervisor's machines, or unload its modules, and try again.")
                         : _ ("Stop the other hypervisor and try again; \"sudo dmesg | grep kvm\" may name it."),
                 _ ("KVM can't start a machine (%s): %s holds the processor's virtualization."),
                 g_strerror (saved_errno), foreign ? foreign : _ ("another hypervisor"));
  else
    add_finding (report, HOST_FINDING_ERROR, "kvm-create", NULL, _ ("KVM can't start a machine: %s."),
                 g_strerror (saved_errno));
  return false;
}

static void
check_kvm (const Host *host, HostReport *report)
{
  const char *path = host->paths.kvm_path ? host->paths.kvm_path : "/dev/kvm";
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  int version;

  if (fd < 0)
    {
      explain_open_error (host, report, path, errno);
      return;
    }
  version = ioctl (fd, KVM_GET_API_VERSION, 0);
  if (version < 0)
    add_finding (report, HOST_FINDING_ERROR, "kvm-missing", _ ("Remove it and load the KVM module again."),
                 _ ("%s is not KVM: it does not answer as KVM does (%s)."), path, g_strerror (errno));
  else if (version != KVM_API_VERSION)
    add_finding (report, HOST_FINDING_ERROR, "kvm-version", _ ("Update the host's kernel."),
                 _ ("%s speaks version %d of the KVM interface; version %d is needed."), path, version, KVM_API_VERSION);
  else if (check_capabilities (report, fd) && check_create (host, report, fd))
    {
      int most = ioctl (fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

      report->max_vcpus = most > 0 ? (unsigned) MIN (most, 255) : 1;
      report->smm = ioctl (fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) > 0;
      report->kind = host->vmx || host->svm ? HOST_KVM_HARDWARE : HOST_KVM_PVM;
    }
  close (fd);

  if (report->kind == HOST_KVM_PVM)
    add_finding (report, HOST_FINDING_WARNING, "kvm-pvm",
                 host->in_vm ? _ ("For other guests use a host with VT-x or AMD-V, or switch on nested virtualization "
                               "for this virtual machine.")
                             : _ ("For other guests use a host with VT-x or AMD-V."),
                 _ ("KVM works here without VT-x or AMD-V (kind PVM) and emulates the kernel mode of guests: firmware "
                 "and boot loaders run, stock kernels don't."));
}

static void
check_memory (HostReport *report)
{
  g_autofree char *size = g_format_size_full (report->memory_available, G_FORMAT_SIZE_IEC_UNITS);

  if (report->memory_available && report->memory_available < LITTLE_MEMORY)
    add_finding (report, HOST_FINDING_WARNING, "memory-low", _ ("End other programs, or give machines little memory."),
                 _ ("Only %s of memory is available."), size);
}

/* --- the report --- */

HostReport *
host_check (const HostPaths *paths)
{
  HostReport *report = g_new0 (HostReport, 1);
  Host host = { 0 };

  report->findings = g_ptr_array_new_with_free_func (finding_free);
  read_host (&host, paths, report);
  check_kvm (&host, report);
  if (report->kind != HOST_KVM_NONE && foreign_hypervisor (&host))
    add_finding (report, HOST_FINDING_NOTE, "kvm-foreign",
                 _ ("Don't run its machines and Bonsai's at the same time."),
                 _ ("The modules of %s are loaded: while its machines run, Bonsai's may not start."),
                 foreign_hypervisor (&host));
  check_memory (report);
  g_free (host.cpuinfo);
  g_free (host.modules);
  return report;
}

void
host_report_free (HostReport *report)
{
  if (!report)
    return;
  g_ptr_array_unref (report->findings);
  g_free (report->cpu_model);
  g_free (report);
}

char *
host_report_blocker (const HostReport *report)
{
  for (guint i = 0; i < report->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (report->findings, i);

      if (finding->level == HOST_FINDING_ERROR)
        return g_strdup_printf ("%s%s%s", finding->text, finding->remedy ? " " : "",
                                finding->remedy ? finding->remedy : "");
    }
  return NULL;
}
