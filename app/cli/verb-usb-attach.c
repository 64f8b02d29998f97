/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"
#include "app/cli/usb.h"

#include "app/base/error.h"
#include "app/usb/usb-attach.h"
#include "app/vm/vm-usb.h"

/* --- attach --- */

static bool
attach (const CliMachine *machine, const HostUsb *usb, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm != NULL)
    {
      bonsai_vm_attach_usb_async (machine->vm, usb, NULL, cli_wait_ready, &wait);
      return bonsai_vm_attach_usb_finish (machine->vm, cli_wait (&wait), error);
    }
  usb_attach_async (machine->session, usb, NULL, cli_wait_ready, &wait);
  return usb_attach_finish (machine->session, cli_wait (&wait), error);
}

static bool
check_loss (const HostUsb *usb, bool force, GError **error)
{
  g_autofree char *loss = force ? NULL : cli_describe_usb_loss (usb);

  if (loss == NULL)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s; attach it all the same with --force", loss);
  return false;
}

static int
run_attach (const Verb *verb, int argc, char **argv)
{
  gboolean force = false;
  const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, "Even if it is this computer's only keyboard or mouse",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliMachine) machine = { 0 };
  g_autoptr (HostUsb) usb = NULL;
  g_autofree char *label = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_find_machine (argv[1], &machine, &error) || (usb = cli_find_usb (argv[2], &error)) == NULL
      || !check_loss (usb, force, &error) || !attach (&machine, usb, &error))
    return cli_fail (error);
  label = host_usb_label (usb);
  g_print ("%s  %s\n", usb->port, label);
  return EXIT_STATUS_OK;
}

const Verb verb_usb_attach = { "usb attach", "MACHINE DEVICE",
                               "Give a machine that runs a device, until it is detached", run_attach };

/* --- detach --- */

static bool
detach (const CliMachine *machine, const char *port, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm != NULL)
    {
      bonsai_vm_detach_usb_async (machine->vm, port, NULL, cli_wait_ready, &wait);
      return bonsai_vm_detach_usb_finish (machine->vm, cli_wait (&wait), error);
    }
  bonsai_session_detach_usb_async (machine->session, port, NULL, cli_wait_ready, &wait);
  return bonsai_session_detach_usb_finish (machine->session, cli_wait (&wait), error);
}

/* One that was pulled out is known by its port. */
static char *
find_port (const char *text, GError **error)
{
  g_autoptr (HostUsb) usb = NULL;

  if (host_usb_is_port (text))
    return g_strdup (text);
  usb = cli_find_usb (text, error);
  return usb != NULL ? g_strdup (usb->port) : NULL;
}

static int
run_detach (const Verb *verb, int argc, char **argv)
{
  g_auto (CliMachine) machine = { 0 };
  g_autofree char *port = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_find_machine (argv[1], &machine, &error) || (port = find_port (argv[2], &error)) == NULL
      || !detach (&machine, port, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_usb_detach = { "usb detach", "MACHINE DEVICE", "Take a device back from a machine",
                               run_detach };
