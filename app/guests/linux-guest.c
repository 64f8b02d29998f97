/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/guests/linux-guest.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/guests/initrd.h"

#include <errno.h>
#include <string.h>

#define BUSYBOX "/bin/busybox"
#define BOOT    "/boot"
#define MODULES "/lib/modules"

/* What Bonsai's PC needs of a modular kernel; what they need is found out. */
static const char *const modules[] = { "virtio_pci", "virtio_blk", "virtio_net", "virtio-rng",
                                       "evdev",      "psmouse",    "button",     "virtio_balloon", "virtio_input" };

static const char init_script[] =
  "#!/bin/busybox sh\n"
  "/bin/busybox mount -t proc proc /proc\n"
  "/bin/busybox mount -t sysfs sys /sys\n"
  "/bin/busybox mount -t devtmpfs dev /dev\n"
  "/bin/busybox --install -s /bin\n"
  "export PATH=/bin\n"
  "for module in $(cat /modules/order); do insmod /modules/$module 2>/dev/null; done\n"
  "hostname bonsai\n"
  "ip link set lo up\n"
  "ip link set eth0 up 2>/dev/null && udhcpc -q -b -i eth0 -s /etc/udhcpc >/dev/null 2>&1 &\n"
  "exec init\n";

static const char inittab[] = "tty1::respawn:-/bin/sh\n"
                              "tty2::askfirst:-/bin/sh\n"
                              "::respawn:/bin/acpid -f -c /etc/acpi -l /dev/null\n"
                              "::ctrlaltdel:/bin/reboot\n"
                              "::shutdown:/bin/sync\n";

static const char power_button[] = "#!/bin/sh\nexec poweroff\n";

static const char udhcpc_script[] =
  "#!/bin/sh\n"
  "[ \"$1\" = bound ] || [ \"$1\" = renew ] || exit 0\n"
  "ip addr flush dev $interface\n"
  "ip addr add $ip/${mask:-24} dev $interface\n"
  "[ -z \"$router\" ] || ip route replace default via ${router%% *}\n"
  "for server in $dns; do echo nameserver $server; done > /etc/resolv.conf\n";

static const char profile[] = "export PATH=/bin PS1='bonsai:\\w# ' HOME=/root\n"
                              "[ \"$(tty)\" = /dev/tty1 ] && clear\n"
                              "echo\n"
                              "echo \"A small Linux, $(uname -r), on Bonsai.\"\n"
                              "echo \"Look around: free, ps, ip addr, top. To switch off: poweroff\"\n"
                              "echo\n"
                              "cd /root\n";

/* The newest kernel whose modules are there, by Debian's order of names. (transfer full) or NULL */
static char *
newest_kernel (void)
{
  g_autoptr (GDir) dir = g_dir_open (BOOT, 0, NULL);
  g_autofree char *best = NULL, *best_key = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *deps = NULL, *key = NULL;

      if (!g_str_has_prefix (name, "vmlinuz-"))
        continue;
      deps = g_build_filename (MODULES, name + strlen ("vmlinuz-"), "modules.dep", NULL);
      key = g_utf8_collate_key_for_filename (name, -1);
      if (!g_file_test (deps, G_FILE_TEST_IS_REGULAR) || (best_key != NULL && strcmp (key, best_key) <= 0))
        continue;
      g_free (best);
      g_free (best_key);
      best = g_strdup (name + strlen ("vmlinuz-"));
      best_key = g_steal_pointer (&key);
    }
  return g_steal_pointer (&best);
}

bool
linux_guest_is_installed (const char **package)
{
  g_autofree char *version = newest_kernel ();

  *package = "linux-image-amd64";
  if (version == NULL)
    return false;
  if (g_file_test (BUSYBOX, G_FILE_TEST_IS_EXECUTABLE))
    return true;
  *package = "busybox-static";
  return false;
}

/* "kernel/drivers/virtio/virtio_pci.ko.xz" is the module "virtio_pci". */
static bool
is_module (const char *path, const char *name)
{
  g_autofree char *base = g_path_get_basename (path);

  return g_str_has_prefix (base, name) && g_str_has_prefix (base + strlen (name), ".ko");
}

/* Adds a module after those it depends on (modules.dep(5): "path: path path …", last first). */
static bool
add_module (Initrd *initrd, GString *order, const char *folder, char **lines, const char *name,
            GError **error)
{
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit_set (lines[i], ": ", -1);

      if (parts[0] == NULL || !is_module (parts[0], name))
        continue;
      for (unsigned k = g_strv_length (parts); k-- > 0;)
        {
          g_autofree char *from = g_build_filename (folder, parts[k], NULL);
          g_autofree char *base = g_path_get_basename (parts[k]);
          g_autofree char *to = g_strconcat ("modules/", base, NULL);
          g_autofree char *line = g_strconcat (base, "\n", NULL);

          if (parts[k][0] == '\0' || strstr (order->str, line) != NULL)
            continue;
          if (!initrd_add_file (initrd, to, 0644, from, error))
            return false;
          g_string_append (order, line);
        }
      return true;
    }
  return true; /* built in */
}

static bool
add_modules (Initrd *initrd, const char *version, GError **error)
{
  g_autofree char *folder = g_build_filename (MODULES, version, NULL);
  g_autofree char *deps = g_build_filename (folder, "modules.dep", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GString) order = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (deps, &text, NULL, error))
    return false;
  lines = g_strsplit (text, "\n", -1);
  for (unsigned i = 0; i < G_N_ELEMENTS (modules); i++)
    if (!add_module (initrd, order, folder, lines, modules[i], error))
      return false;
  initrd_add (initrd, "modules/order", 0644, order->str, order->len);
  return true;
}

static void
add_text (Initrd *initrd, const char *path, unsigned mode, const char *text)
{
  initrd_add (initrd, path, mode, text, strlen (text));
}

static bool
build_initrd (const char *version, const char *path, GError **error)
{
  static const char *const folders[] = { "bin",           "dev",     "proc", "sys", "etc", "etc/acpi",
                                         "etc/acpi/PWRF", "modules", "root", "tmp", "run" };
  g_autoptr (Initrd) initrd = initrd_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (folders); i++)
    initrd_add_folder (initrd, folders[i]);
  if (!initrd_add_file (initrd, "bin/busybox", 0755, BUSYBOX, error) || !add_modules (initrd, version, error))
    return false;
  initrd_add_link (initrd, "bin/sh", "busybox");
  initrd_add_link (initrd, "bin/init", "busybox");
  add_text (initrd, "init", 0755, init_script);
  add_text (initrd, "etc/inittab", 0644, inittab);
  add_text (initrd, "etc/profile", 0644, profile);
  add_text (initrd, "etc/udhcpc", 0755, udhcpc_script);
  add_text (initrd, "etc/acpi/PWRF/00000080", 0755, power_button);
  add_text (initrd, "etc/passwd", 0644, "root::0:0:root:/root:/bin/sh\n");
  return initrd_save (initrd, path, error);
}

static bool
copy_kernel (const char *version, const char *path, GError **error)
{
  g_autofree char *from = g_strconcat (BOOT "/vmlinuz-", version, NULL);
  g_autofree char *content = NULL;
  gsize length;

  if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return true;
  if (!g_file_get_contents (from, &content, &length, error))
    {
      if (g_error_matches (*error, G_FILE_ERROR, G_FILE_ERROR_ACCES))
        g_prefix_error (error, "Only root may read the kernel; make it readable: sudo chmod a+r %s. ", from);
      return false;
    }
  return bundle_replace_file (path, content, length, error);
}

bool
linux_guest_build (char **kernel, char **initrd, GError **error)
{
  g_autofree char *version = newest_kernel (), *folder = NULL, *kernel_path = NULL, *initrd_path = NULL;
  const char *package;
  GError *local_error = NULL;

  if (!linux_guest_is_installed (&package))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                   "A part of this guest is missing; install it: sudo apt install %s", package);
      return false;
    }
  folder = g_strdup_printf ("%s/bonsai/guests/linux-%s", g_get_user_data_dir (), version);
  kernel_path = g_build_filename (folder, "vmlinuz", NULL);
  initrd_path = g_build_filename (folder, "initrd.img", NULL);
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", folder);
  if (!copy_kernel (version, kernel_path, &local_error) || !build_initrd (version, initrd_path, &local_error))
    {
      g_propagate_error (error, local_error);
      return false;
    }
  *kernel = g_steal_pointer (&kernel_path);
  *initrd = g_steal_pointer (&initrd_path);
  return true;
}
