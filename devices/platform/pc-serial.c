/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/legacy/uart16550.h"
#include "devices/virtio/virtio-console.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

G_STATIC_ASSERT (G_N_ELEMENTS (((MachineSpec *)0)->serial) == PC_N_SERIAL_PORTS);

/* COM1 to COM4, at the ports and interrupts that everybody expects. */
static const struct {
  const char *name;
  uint16_t base;
  unsigned gsi;
} ports[PC_N_SERIAL_PORTS] = {
  { "serial0", 0x3f8, 4 },
  { "serial1", 0x2f8, 3 },
  { "serial2", 0x3e8, 4 },
  { "serial3", 0x2e8, 3 },
};

int
pc_open_output (const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

  if (fd < 0)
    vmm_set_errno_error (error, errno, "Can't write the guest's output to %s", path);
  return fd;
}

bool
pc_inherits_serial (const Pc *pc, const Pc *predecessor, unsigned port)
{
  const SerialSpec *serial = &pc->spec->serial[port];
  const SerialSpec *before = predecessor ? &predecessor->spec->serial[port] : NULL;

  return before && serial->kind == before->kind && g_strcmp0 (serial->path, before->path) == 0;
}

static bool
lay_cable (const SerialSpec *serial, bool later, SerialCableConfig *cable, GError **error)
{
  static const SerialCableKind kinds[] = {
    [SERIAL_NONE] = CABLE_NONE, [SERIAL_CONSOLE] = CABLE_CONSOLE, [SERIAL_FILE] = CABLE_FDS,
    [SERIAL_PTY] = CABLE_PTY,   [SERIAL_SOCKET] = CABLE_SOCKET,   [SERIAL_STDIO] = CABLE_FDS,
  };

  *cable = (SerialCableConfig){
    .kind = kinds[serial->kind], .path = serial->path, .in_fd = -1, .out_fd = -1, .later = later
  };
  cable->close_fds = serial->kind == SERIAL_FILE;
  if (later)
    return true;
  if (serial->kind == SERIAL_STDIO)
    {
      cable->in_fd = STDIN_FILENO;
      cable->out_fd = STDOUT_FILENO;
    }
  else if (serial->kind == SERIAL_FILE)
    {
      cable->out_fd = pc_open_output (serial->path, error);
      return cable->out_fd >= 0;
    }
  return true;
}

bool
pc_add_serial_ports (Pc *pc, GError **error)
{
  for (unsigned i = 0; i < PC_N_SERIAL_PORTS; i++)
    {
      UartConfig uart = { .base = ports[i].base, .gsi = ports[i].gsi };

      if (!lay_cable (&pc->spec->serial[i], pc_inherits_serial (pc, pc->predecessor, i), &uart.cable, error))
        return false;
      pc->serial[i] = board_add (pc->board, &uart16550_class, ports[i].name, &uart, error);
      if (!pc->serial[i])
        return false;
    }
  return true;
}

int
pc_open_serial_console (Pc *pc, unsigned port, bool force, GError **error)
{
  int fds[2];
  bool done;

  if (port >= PC_N_SERIAL_PORTS && port != PC_VIRTIO_CONSOLE)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "There is no serial port %u: there are 1 to %u.",
                   port + 1, PC_N_SERIAL_PORTS);
      return -1;
    }
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    {
      vmm_set_errno_error (error, errno, "Can't make a connection to serial port %u", port + 1);
      return -1;
    }
  done = port == PC_VIRTIO_CONSOLE ? virtio_console_plug (pc->console, fds[0], force, error)
                                   : uart16550_plug (pc->serial[port], fds[0], force, error);
  if (done)
    return fds[1];
  close (fds[0]);
  close (fds[1]);
  return -1;
}
