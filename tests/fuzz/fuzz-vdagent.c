/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest that poses as spice-vdagent sends: parsed, never believed. */
#include "tests/fuzz/fuzz.h"

#include "app/agent/desktop-agent.h"
#include "app/agent/vdagent-wire.h"

#include <sys/socket.h>
#include <unistd.h>

static const DesktopAgentOps ops = { NULL };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) hello = g_byte_array_new ();
  g_autoptr (GBytes) offer = g_bytes_new_static ("hello\n", 6);
  DesktopAgent *agent = desktop_agent_new (CLIPBOARD_BOTH, &ops, NULL);
  uint8_t caps[8] = { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
  int fds[2];

  g_assert (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  desktop_agent_attach (agent, fds[0]);
  desktop_agent_offer (agent, CLIPBOARD_TEXT, offer);
  vd_append (hello, VD_ANNOUNCE_CAPABILITIES, caps, sizeof caps);
  /* One half of the inputs lies in its chunks, the other in its messages. */
  if (size > 1 && data[0] & 1)
    vd_append (hello, data[0] >> 1 & 15, data + 1, size - 1);
  else
    g_byte_array_append (hello, data, (guint)size);
  if (send (fds[1], hello->data, hello->len, MSG_NOSIGNAL) > 0)
    while (g_main_context_iteration (NULL, FALSE))
      continue;
  close (fds[1]);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  desktop_agent_free (agent);
  return 0;
}
