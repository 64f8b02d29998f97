/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-consoles.h"
#include "app/cli/cli.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE_KEY   0x1d /* Ctrl+] */
#define BUFFER_SIZE 16384
#define OUT_CHUNK   512  /* what a terminal that polls as writable takes without blocking (POSIX PIPE_BUF) */
#define END_WAIT_MS 3000 /* from the connection's end to the reason for it */

/* Bytes on their way. */
typedef struct {
  char bytes[BUFFER_SIZE];
  size_t count;
} Way;

typedef enum { GO_ON, LEFT, CONNECTION_ENDED, NO_READER } Outcome;

typedef struct {
  BonsaiSession *session;
  int fd; /* the serial port */
  bool has_ended;
  int signal_fd;
  int in_fd; /* standard input; -1 once it ended */
  bool is_raw;
  bool is_terminal; /* standard input is one */
  bool is_virtio;   /* the guest can be told its size */
  struct termios before;
  Way to_guest, from_guest;
} Console;

/* --- the terminal --- */

static void
set_raw (Console *console, bool raw)
{
  struct termios termios = console->before;

  if (!console->is_terminal || console->is_raw == raw)
    return;
  if (raw)
    cfmakeraw (&termios);
  tcsetattr (STDIN_FILENO, TCSADRAIN, &termios);
  console->is_raw = raw;
}

/* For people only: what goes through a pipe is the guest's alone. */
static void say (const Console *console, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
say (const Console *console, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!console->is_terminal)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("%s\n", text);
}

/* --- signals: blocked, and read here, so that none leaves the terminal raw --- */

static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH };

static int
block_signals (void)
{
  sigset_t set;

  sigemptyset (&set);
  for (unsigned i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaddset (&set, signals[i]);
  sigprocmask (SIG_BLOCK, &set, NULL);
  signal (SIGPIPE, SIG_IGN);
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the signal does by default. */
static void
obey (int number)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, number);
  signal (number, SIG_DFL);
  raise (number);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  sigprocmask (SIG_BLOCK, &set, NULL);
}

/* To the one console whose guest can be told. */
static void
tell_size (const Console *console)
{
  GVariantDict arguments;
  struct winsize size;

  if (!console->is_virtio || ioctl (STDIN_FILENO, TIOCGWINSZ, &size) != 0)
    return;
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "columns", "u", (guint32)size.ws_col);
  g_variant_dict_insert (&arguments, "rows", "u", (guint32)size.ws_row);
  bonsai_session_ask_guest_async (console->session, "resize-console", g_variant_dict_end (&arguments), NULL,
                                  NULL, NULL);
}

static void
take_signal (Console *console)
{
  struct signalfd_siginfo info;
  bool was_raw = console->is_raw;

  if (read (console->signal_fd, &info, sizeof info) != sizeof info)
    return;
  if (info.ssi_signo == SIGWINCH)
    {
      if (console->session != NULL)
        tell_size (console);
      return;
    }
  if (info.ssi_signo == SIGCONT)
    {
      /* Stopped without having been asked: others may have changed the terminal. */
      console->is_raw = false;
      set_raw (console, was_raw);
      return;
    }
  set_raw (console, false);
  obey ((int)info.ssi_signo);
  set_raw (console, was_raw);
}

static gboolean
on_early_signal (int fd, GIOCondition condition, gpointer data)
{
  take_signal (data);
  return G_SOURCE_CONTINUE;
}

/* --- bytes --- */

static void
way_drop (Way *way, size_t n)
{
  memmove (way->bytes, way->bytes + n, way->count - n);
  way->count -= n;
}

/* What is said to a connection that has ended is lost; reading tells that it has. */
static void
send_to_guest (Console *console)
{
  Way *way = &console->to_guest;
  ssize_t n = send (console->fd, way->bytes, way->count, MSG_NOSIGNAL | MSG_DONTWAIT);

  if (n >= 0)
    way_drop (way, n);
  else if (errno != EAGAIN && errno != EINTR)
    way->count = 0;
}

static Outcome
read_input (Console *console)
{
  Way *way = &console->to_guest;
  char *at = way->bytes + way->count, *key;
  ssize_t n = read (console->in_fd, at, BUFFER_SIZE - way->count);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return GO_ON;
  if (n <= 0)
    {
      console->in_fd = -1;
      return console->is_terminal ? LEFT : GO_ON; /* a terminal that hung up; a pipe may go on listening */
    }
  key = console->is_terminal ? memchr (at, LEAVE_KEY, n) : NULL;
  way->count += key != NULL ? key - at : n;
  if (key == NULL)
    return GO_ON;
  send_to_guest (console);
  return LEFT;
}

static Outcome
write_output (Console *console)
{
  Way *way = &console->from_guest;
  ssize_t n = write (STDOUT_FILENO, way->bytes, MIN (way->count, OUT_CHUNK));

  if (n > 0)
    way_drop (way, n);
  return n < 0 && errno != EAGAIN && errno != EINTR ? NO_READER : GO_ON;
}

static void
receive (Console *console)
{
  Way *way = &console->from_guest;
  ssize_t n = recv (console->fd, way->bytes + way->count, BUFFER_SIZE - way->count, MSG_DONTWAIT);

  if (n > 0)
    way->count += n;
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    console->has_ended = true;
}

/* Waits for whatever may be next. */
static Outcome
pump (Console *console)
{
  enum { SIGNALS, INPUT, OUTPUT, GUEST, N_FDS };
  Way *to = &console->to_guest, *from = &console->from_guest;
  short guest = (to->count > 0 ? POLLOUT : 0) | (from->count < BUFFER_SIZE ? POLLIN : 0);
  struct pollfd fds[N_FDS] = {
    [SIGNALS] = { .fd = console->signal_fd, .events = POLLIN },
    [INPUT] = { .fd = to->count < BUFFER_SIZE ? console->in_fd : -1, .events = POLLIN },
    [OUTPUT] = { .fd = from->count > 0 ? STDOUT_FILENO : -1, .events = POLLOUT },
    /* A connection that has ended says so without end: not while there is no room for its last words. */
    [GUEST] = { .fd = guest != 0 && !console->has_ended ? console->fd : -1, .events = guest },
  };

  if (console->has_ended && from->count == 0)
    return CONNECTION_ENDED;
  if (poll (fds, N_FDS, -1) < 0)
    return GO_ON;
  if (fds[SIGNALS].revents != 0)
    take_signal (console);
  if ((fds[GUEST].revents & POLLOUT) && to->count > 0)
    send_to_guest (console);
  if (fds[GUEST].revents != 0 && from->count < BUFFER_SIZE)
    receive (console);
  if (fds[OUTPUT].revents != 0 && write_output (console) == NO_READER)
    return NO_READER;
  return fds[INPUT].revents != 0 ? read_input (console) : GO_ON;
}

/* --- the verb --- */

static gboolean
set_flag (gpointer data)
{
  *(bool *)data = true;
  return G_SOURCE_REMOVE;
}

/* The connection ends a moment before it is told why. */
static int
explain_end (Console *console)
{
  const char *name = bonsai_session_get_name (console->session);
  const char *why;
  bool too_late = false;

  g_timeout_add (END_WAIT_MS, set_flag, &too_late);
  while (!too_late && bonsai_state_is_alive (bonsai_session_get_state (console->session)))
    g_main_context_iteration (NULL, true);
  if (bonsai_state_is_alive (bonsai_session_get_state (console->session)))
    {
      g_printerr ("bonsai: someone else has taken the console of “%s” over\n", name);
      return EXIT_STATUS_ERROR;
    }
  why = bonsai_session_get_message (console->session);
  say (console, "\n“%s” has ended%s%s", name, why != NULL && why[0] != '\0' ? ": " : "",
       why != NULL ? why : "");
  return EXIT_STATUS_OK;
}

/* Returns: -1 if there is no such port. */
static int
parse_port (const char *name)
{
  if (name == NULL)
    return 0;
  if (g_str_equal (name, "virtio"))
    return VM_CONSOLE_VIRTIO;
  return strlen (name) == 1 && name[0] >= '1' && name[0] <= '4' ? name[0] - '1' : -1;
}

static int
converse (Console *console, unsigned port)
{
  const char *name = bonsai_session_get_name (console->session);
  BonsaiState state = bonsai_session_get_state (console->session);
  Outcome outcome;

  say (console, "%s of “%s”%s; Ctrl+] leaves.", vm_console_name (port), name,
       state == BONSAI_STATE_PAUSED ? ", which is paused" : "");
  console->is_virtio = port == VM_CONSOLE_VIRTIO;
  tell_size (console);
  set_raw (console, true);
  do
    outcome = pump (console);
  while (outcome == GO_ON);
  set_raw (console, false);
  if (outcome == CONNECTION_ENDED)
    return explain_end (console);
  if (outcome == LEFT)
    say (console, "\nLeft “%s”.", name);
  return EXIT_STATUS_OK;
}

static int
open_port (Console *console, const char *key, unsigned port, bool force, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  guint source = g_unix_fd_add (console->signal_fd, G_IO_IN, on_early_signal, console);

  console->session = cli_find_session (key, error);
  if (console->session != NULL)
    {
      bonsai_session_open_serial_async (console->session, port, force, NULL, cli_wait_ready, &wait);
      console->fd = bonsai_session_open_serial_finish (console->session, cli_wait (&wait), error);
    }
  g_source_remove (source);
  return console->fd;
}

static int
run_console (const Verb *verb, int argc, char **argv)
{
  g_autofree Console *console = g_new0 (Console, 1);
  g_autofree char *port_name = NULL;
  int port, status;
  gboolean force = false;
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_STRING, &port_name,
      "Which serial port, 1 to 4, or “virtio” for the virtio console (1)", "PORT" },
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, "Take it over from whoever has it", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  port = parse_port (port_name);
  if (port < 0)
    return cli_usage (verb, "--port must be 1 to 4, or virtio");
  /* Before there are other threads, which inherit that. */
  console->signal_fd = block_signals ();
  console->fd = -1;
  console->in_fd = STDIN_FILENO;
  console->is_terminal = tcgetattr (STDIN_FILENO, &console->before) == 0;
  if (open_port (console, argv[1], (unsigned)port, force, &error) < 0)
    status = cli_fail (error);
  else
    {
      status = converse (console, (unsigned)port);
      close (console->fd);
    }
  g_clear_object (&console->session);
  close (console->signal_fd);
  return status;
}

const Verb verb_console = { "console", "NAME", "Type to a machine's serial port, and read what it says",
                            run_console };
