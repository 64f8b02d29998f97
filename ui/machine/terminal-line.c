/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/terminal-line.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* 1.6 MB/s, in portions that are drawn within a frame. */
#define PORTION   32768
#define PACE_MS   20
#define MAX_QUEUE (1u << 20)

struct TerminalLine {
  VteTerminal *terminal;
  int fd;
  TerminalLineEnded ended;
  gpointer data;
  GByteArray *to_guest;
  guint reader, writer; /* sources, or 0 */
  gulong typed;
  bool has_beeped; /* that there was no room */
};

static void listen_later (TerminalLine *line);

static void
hang_up (TerminalLine *line)
{
  g_clear_handle_id (&line->writer, g_source_remove);
  line->ended (line->data);
}

/* --- from the guest --- */

static gboolean
on_input (int fd, GIOCondition condition, gpointer data)
{
  TerminalLine *line = data;
  char bytes[PORTION];
  ssize_t n = recv (fd, bytes, sizeof bytes, MSG_DONTWAIT);
  bool waits = n < 0 && (errno == EAGAIN || errno == EINTR);

  if (waits)
    return G_SOURCE_CONTINUE;
  line->reader = 0;
  if (n > 0)
    {
      vte_terminal_feed (line->terminal, bytes, n);
      listen_later (line);
    }
  else
    hang_up (line);
  return G_SOURCE_REMOVE;
}

static gboolean
listen_again (gpointer data)
{
  TerminalLine *line = data;

  line->reader = g_unix_fd_add_full (G_PRIORITY_DEFAULT_IDLE, line->fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
                                     on_input, line, NULL);
  return G_SOURCE_REMOVE;
}

/* The terminal keeps what it is fed until it has drawn it, without bound. */
static void
listen_later (TerminalLine *line)
{
  line->reader = g_timeout_add (PACE_MS, listen_again, line);
}

/* --- to the guest --- */

/* Returns: whether more is left that the guest has no room for. What is said to one that has hung up is lost:
 * reading tells that. */
static bool
flush (TerminalLine *line)
{
  ssize_t n;

  while (line->to_guest->len > 0)
    {
      n = send (line->fd, line->to_guest->data, line->to_guest->len, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN)
        return true;
      if (n < 0 && errno != EINTR)
        g_byte_array_set_size (line->to_guest, 0);
      else if (n > 0)
        g_byte_array_remove_range (line->to_guest, 0, (guint)n);
    }
  return false;
}

static gboolean
on_room (int fd, GIOCondition condition, gpointer data)
{
  TerminalLine *line = data;

  if (flush (line))
    return G_SOURCE_CONTINUE;
  line->writer = 0;
  return G_SOURCE_REMOVE;
}

/* What was typed, or what the terminal answers: the guest may ask without end and never listen. */
static void
on_typed (VteTerminal *terminal, const char *text, guint size, TerminalLine *line)
{
  if (size > MAX_QUEUE - line->to_guest->len)
    {
      if (!line->has_beeped)
        gtk_widget_error_bell (GTK_WIDGET (terminal));
      line->has_beeped = true;
      return;
    }
  line->has_beeped = false;
  g_byte_array_append (line->to_guest, (const guint8 *)text, size);
  if (line->writer == 0 && flush (line))
    line->writer = g_unix_fd_add (line->fd, G_IO_OUT, on_room, line);
}

/* --- the line --- */

TerminalLine *
terminal_line_new (VteTerminal *terminal, int fd, TerminalLineEnded ended, gpointer data)
{
  TerminalLine *line = g_new0 (TerminalLine, 1);

  line->terminal = terminal;
  line->fd = fd;
  line->ended = ended;
  line->data = data;
  line->to_guest = g_byte_array_new ();
  line->typed = g_signal_connect (terminal, "commit", G_CALLBACK (on_typed), line);
  listen_again (line);
  return line;
}

void
terminal_line_free (TerminalLine *line)
{
  g_clear_handle_id (&line->reader, g_source_remove);
  g_clear_handle_id (&line->writer, g_source_remove);
  g_signal_handler_disconnect (line->terminal, line->typed);
  close (line->fd);
  g_byte_array_unref (line->to_guest);
  g_free (line);
}
