/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/host-check.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A host made of files. */
typedef struct {
  char *folder;
  char *kvm, *cpuinfo, *meminfo, *modules;
  HostPaths paths;
} FakeHost;

static char *
put (const char *folder, const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);

  if (text)
    g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static FakeHost *
fake_host_new (const char *flags, const char *modules, const char *available_kib)
{
  FakeHost *host = g_new0 (FakeHost, 1);
  g_autofree char *cpuinfo
    = g_strdup_printf ("processor\t: 0\nmodel name\t: Pot Plant 3000\nflags\t\t: fpu vme %s lm\n\n"
                       "processor\t: 1\nmodel name\t: other\n",
                       flags);
  g_autofree char *meminfo = g_strdup_printf ("MemTotal:       16384 kB\nMemAvailable:   %s kB\n", available_kib);

  host->folder = g_dir_make_tmp ("bonsai-host-XXXXXX", NULL);
  host->kvm = put (host->folder, "kvm", NULL);
  host->cpuinfo = put (host->folder, "cpuinfo", cpuinfo);
  host->meminfo = put (host->folder, "meminfo", meminfo);
  host->modules = put (host->folder, "modules", modules);
  host->paths = (HostPaths) { host->kvm, host->cpuinfo, host->meminfo, host->modules };
  return host;
}

static void
fake_host_free (FakeHost *host)
{
  char *const paths[] = { host->kvm, host->cpuinfo, host->meminfo, host->modules };

  for (unsigned i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_unlink (paths[i]);
      g_free (paths[i]);
    }
  g_rmdir (host->folder);
  g_free (host->folder);
  g_free (host);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeHost, fake_host_free)

static const HostFinding *
find (const HostReport *report, const char *id)
{
  for (guint i = 0; i < report->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (report->findings, i);

      if (g_str_equal (finding->id, id))
        return finding;
    }
  return NULL;
}

static void
check_blocked (FakeHost *host, const char *id, const char *word)
{
  g_autoptr (HostReport) report = host_check (&host->paths);
  g_autofree char *blocker = host_report_blocker (report);
  const HostFinding *finding = find (report, id);

  g_assert_cmpint (report->kind, ==, HOST_KVM_NONE);
  g_assert_nonnull (finding);
  g_assert_cmpint (finding->level, ==, HOST_FINDING_ERROR);
  g_assert_nonnull (finding->remedy);
  g_assert_true (g_str_has_prefix (blocker, finding->text));
  g_assert_nonnull (strstr (blocker, word));
}

/* What one click on the host page does. */
static void
check_command (FakeHost *host, const char *id, const char *command)
{
  g_autoptr (HostReport) report = host_check (&host->paths);

  g_assert_cmpstr (find (report, id)->command, ==, command);
}

static void
test_module_missing (void)
{
  g_autoptr (FakeHost) intel = fake_host_new ("vmx", "", "9000000");
  g_autoptr (FakeHost) amd = fake_host_new ("svm", "kvm 100 0 - Live 0x0\n", "9000000");

  check_blocked (intel, "kvm-module", "modprobe kvm_intel");
  check_blocked (amd, "kvm-module", "modprobe kvm_amd");
  check_command (intel, "kvm-module", "modprobe kvm_intel");
  check_command (amd, "kvm-module", "modprobe kvm_amd");
}

static void
test_module_without_device (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("vmx", "snd 1 0\nkvm_intel 100 0 - Live 0x0\n", "9000000");

  check_blocked (host, "kvm-missing", "kvm_intel is loaded");
  check_command (host, "kvm-missing", NULL);
}

static void
test_firmware_off (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("sse", "", "9000000");

  check_blocked (host, "kvm-firmware-off", "firmware setup");
}

static void
test_inside_a_vm (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("hypervisor", "", "9000000");

  check_blocked (host, "kvm-nested", "nested virtualization");
}

static void
test_not_kvm (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("vmx", "", "9000000");

  g_assert_true (g_file_set_contents (host->kvm, "", 0, NULL));
  check_blocked (host, "kvm-missing", "is not KVM");
}

/* As somebody else if need be: the superuser may open everything. */
static void
test_permission (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("vmx", "", "9000000");
  int status = -1;
  pid_t child;

  g_assert_true (g_file_set_contents (host->kvm, "", 0, NULL));
  g_assert_cmpint (g_chmod (host->kvm, 0), ==, 0);
  g_assert_cmpint (g_chmod (host->folder, 0755), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      if (geteuid () == 0 && seteuid (65534) != 0)
        _exit (2);
      check_blocked (host, "kvm-permission", "usermod -aG kvm");
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
test_facts (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("vmx", "", "8192");
  g_autoptr (HostReport) report = host_check (&host->paths);

  g_assert_cmpstr (report->cpu_model, ==, "Pot Plant 3000");
  g_assert_cmpuint (report->memory_total, ==, 16384 * 1024);
  g_assert_cmpuint (report->memory_available, ==, 8192 * 1024);
  g_assert_cmpuint (report->n_cpus, >, 0);
  g_assert_nonnull (find (report, "memory-low"));
}

static void
test_garbage (void)
{
  g_autoptr (FakeHost) host = fake_host_new ("", "", "");
  char noise[4096];

  for (unsigned round = 0; round < 20; round++)
    {
      g_autoptr (HostReport) report = NULL;

      for (unsigned i = 0; i < sizeof noise; i++)
        noise[i] = (char) g_test_rand_int_range (0, 256);
      g_assert_true (g_file_set_contents (host->cpuinfo, noise, sizeof noise, NULL));
      g_assert_true (g_file_set_contents (host->meminfo, noise, sizeof noise, NULL));
      g_assert_true (g_file_set_contents (host->modules, noise, sizeof noise, NULL));
      report = host_check (&host->paths);
      g_assert_cmpint (report->kind, ==, HOST_KVM_NONE);
      g_assert_nonnull (report->cpu_model);
    }
}

/* This very host, with another's /proc: the processor's flags make the kind, a module a note. */
static void
test_kinds (void)
{
  g_autoptr (FakeHost) hardware = fake_host_new ("svm", "vboxdrv 1 0\n", "9000000");
  g_autoptr (FakeHost) pvm = fake_host_new ("hypervisor", "", "9000000");
  g_autoptr (HostReport) real = host_check (NULL);
  g_autoptr (HostReport) hardware_report = NULL;
  g_autoptr (HostReport) pvm_report = NULL;
  g_autofree char *blocker = NULL;

  g_assert_cmpuint (real->memory_total, >, 0);
  if (real->kind == HOST_KVM_NONE)
    {
      blocker = host_report_blocker (real);
      g_assert_nonnull (blocker);
      g_test_skip (blocker);
      return;
    }
  g_assert_null (host_report_blocker (real));
  g_assert_cmpuint (real->max_vcpus, >, 0);

  hardware->paths.kvm_path = pvm->paths.kvm_path = NULL;
  hardware_report = host_check (&hardware->paths);
  pvm_report = host_check (&pvm->paths);
  g_assert_cmpint (hardware_report->kind, ==, HOST_KVM_HARDWARE);
  g_assert_cmpint (find (hardware_report, "kvm-foreign")->level, ==, HOST_FINDING_NOTE);
  g_assert_cmpint (pvm_report->kind, ==, HOST_KVM_PVM);
  g_assert_cmpint (find (pvm_report, "kvm-pvm")->level, ==, HOST_FINDING_WARNING);
  g_assert_null (host_report_blocker (pvm_report));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host-check/module-missing", test_module_missing);
  g_test_add_func ("/host-check/module-without-device", test_module_without_device);
  g_test_add_func ("/host-check/firmware-off", test_firmware_off);
  g_test_add_func ("/host-check/inside-a-vm", test_inside_a_vm);
  g_test_add_func ("/host-check/not-kvm", test_not_kvm);
  g_test_add_func ("/host-check/permission", test_permission);
  g_test_add_func ("/host-check/facts", test_facts);
  g_test_add_func ("/host-check/garbage", test_garbage);
  g_test_add_func ("/host-check/kinds", test_kinds);
  return g_test_run ();
}
