/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loan/lender.h"

#include "vmm/loan/fresh-program.h"
#include "vmm/loan/raw-call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 0 /* where the lender has them */
#define CONTENTS 1
#define CLIENT   2

#define FD_ROOM        64u /* descriptors from here on are out of the way of a program's */
#define N_SIGNALS      64
#define RSEQ_SIGNATURE 0x53053053u /* glibc's, on x86 */
#define RSEQ_STEP      32u
#define RSEQ_MOST      1024u

__attribute__ ((noreturn)) static void
leave (int status)
{
  for (;;)
    raw_call (SYS_exit_group, status);
}

/* --- what else the process had goes --- */

static bool
read_hex (const char **text, uintptr_t *value)
{
  const char *begin = *text;

  for (*value = 0;; (*text)++)
    {
      char c = **text;

      if (c >= '0' && c <= '9')
        *value = *value << 4 | (uintptr_t)(c - '0');
      else if (c >= 'a' && c <= 'f')
        *value = *value << 4 | (uintptr_t)(c - 'a' + 10);
      else
        return *text > begin;
    }
}

static const char *
skip_word (const char *at)
{
  while (*at && *at != ' ' && *at != '\n')
    at++;
  while (*at == ' ')
    at++;
  return at;
}

/* A line of /proc/self/maps: "START-END PERMISSIONS OFFSET DEVICE INODE NAME" (proc(5)). */
typedef struct {
  LoanRange range;
  const char *file; /* "DEVICE INODE" */
  const char *name;
} Mapping;

static bool
read_mapping (const char *line, Mapping *mapping)
{
  const char *at = line;

  if (!read_hex (&at, &mapping->range.start) || *at++ != '-' || !read_hex (&at, &mapping->range.end))
    return false;
  mapping->file = skip_word (skip_word (skip_word (line)));
  mapping->name = skip_word (skip_word (mapping->file));
  return true;
}

static bool
is_same_file (const Mapping *mapping, const char *file)
{
  const char *at = mapping->file;

  while (at < mapping->name && *at == *file)
    at++, file++;
  return at == mapping->name || *at == '\n';
}

static bool
read_maps (Lender *lender)
{
  long fd = raw_call (SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  size_t length = 0;
  long got = 1;

  while (fd >= 0 && got > 0 && length < sizeof lender->maps - 1)
    {
      got = raw_call (SYS_read, fd, lender->maps + length, sizeof lender->maps - 1 - length);
      length += got > 0 ? (size_t)got : 0;
    }
  if (fd >= 0)
    raw_call (SYS_close, fd);
  return fd >= 0 && got == 0;
}

static const char *
next_line (const char *line)
{
  while (*line && *line != '\n')
    line++;
  return *line ? line + 1 : line;
}

/* Unmaps what of a range is not kept. */
static void
unmap (const Lender *lender, LoanRange range)
{
  while (range.start < range.end)
    {
      LoanRange next = { range.end, range.end };

      for (unsigned i = 0; i < lender->n_kept; i++)
        if (lender->kept[i].end > range.start && lender->kept[i].start < next.start)
          next = lender->kept[i];
      if (next.start > range.start)
        raw_call (SYS_munmap, range.start, next.start - range.start);
      range.start = next.end;
    }
}

/* Stays: what is lent, the lender, the file that this code is in, the kernel's own. */
static bool
unmap_rest (Lender *lender)
{
  uintptr_t here = (uintptr_t)unmap_rest;
  const char *code = NULL;
  Mapping mapping;

  if (!read_maps (lender))
    return false;
  for (const char *line = lender->maps; *line; line = next_line (line))
    if (read_mapping (line, &mapping) && mapping.range.start <= here && here < mapping.range.end)
      code = mapping.file;
  for (const char *line = lender->maps; *line && code; line = next_line (line))
    if (read_mapping (line, &mapping) && !(mapping.name[0] == '[' && mapping.name[1] == 'v')
        && !is_same_file (&mapping, code))
      unmap (lender, mapping.range);
  raw_call (SYS_madvise, lender->maps, sizeof lender->maps, MADV_DONTNEED);
  return code != NULL;
}

/* The kernel writes there at any time. */
static bool
end_rseq (const Lender *lender)
{
  for (unsigned size = RSEQ_STEP; lender->rseq && size <= RSEQ_MOST; size += RSEQ_STEP)
    if (raw_call (SYS_rseq, lender->rseq, size, 1 /* RSEQ_FLAG_UNREGISTER */, RSEQ_SIGNATURE) == 0)
      return true;
  return !lender->rseq;
}

static void
handle_signal (int number, void (*handler) (int))
{
  struct {
    void (*handler) (int);
    unsigned long flags;
    void (*restorer) (void);
    uint64_t mask;
  } action = { .handler = handler };

  raw_call (SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
}

static void
end_signals (void)
{
  stack_t none = { .ss_flags = SS_DISABLE };

  for (int number = 1; number <= N_SIGNALS; number++)
    handle_signal (number, SIG_DFL);
  handle_signal (SIGCHLD, SIG_IGN); /* nobody waits for programs */
  raw_call (SYS_sigaltstack, &none, NULL);
}

static void
place_descriptors (const Lender *lender)
{
  long listener = raw_call (SYS_fcntl, lender->listener, F_DUPFD, FD_ROOM);
  long contents = raw_call (SYS_fcntl, lender->contents, F_DUPFD, FD_ROOM);

  raw_call (SYS_dup3, listener, LISTENER, O_CLOEXEC);
  raw_call (SYS_dup3, contents, CONTENTS, O_CLOEXEC);
  raw_call (SYS_close_range, CLIENT, ~0u, 0);
}

/* --- a program --- */

/* The strings of a request, if they are what it says. */
static bool
read_request (Lender *lender, long size, const char **folder, FreshProgram *program)
{
  const LoanRequest *request = &lender->request;
  const char *at = request->text, *end = (const char *)request + size;
  uint64_t n_wanted = 1 + (uint64_t)request->n_arguments + request->n_variables, n = 0;

  if (size <= (long)offsetof (LoanRequest, text) || end[-1] != '\0' || request->n_arguments == 0)
    return false;
  for (const char *byte = at; byte < end; byte++)
    n += *byte == '\0';
  if (n != n_wanted)
    return false;
  *folder = at;
  at += raw_length (at) + 1;
  *program = (FreshProgram){ .loader = at,
                             .arguments = at,
                             .n_arguments = request->n_arguments,
                             .n_variables = request->n_variables,
                             .stack = lender->program_stack,
                             .stack_size = sizeof lender->program_stack,
                             .vdso = lender->vdso,
                             .hardware = lender->hardware,
                             .hardware2 = lender->hardware2,
                             .signal_stack = lender->signal_stack };
  for (unsigned i = 0; i < request->n_arguments; i++)
    at += raw_length (at) + 1;
  program->variables = at;
  return true;
}

__attribute__ ((noreturn)) static void
be_program (const char *folder, const FreshProgram *program, const int *fds, unsigned n_fds)
{
  uint64_t none = 0;
  long moved[LOAN_MAX_FDS + 1];

  for (unsigned i = 0; i <= n_fds; i++)
    moved[i] = raw_call (SYS_fcntl, i < n_fds ? fds[i] : CONTENTS, F_DUPFD, FD_ROOM);
  for (unsigned i = 0; i <= n_fds; i++)
    raw_call (SYS_dup3, moved[i], i, 0);
  raw_call (SYS_close_range, n_fds + 1, ~0u, 0);
  raw_call (SYS_setsid);
  raw_call (SYS_chdir, folder);
  raw_call (SYS_prctl, PR_SET_NAME, "bonsai");
  handle_signal (SIGCHLD, SIG_DFL);
  raw_call (SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  fresh_program_run (program);
  leave (127);
}

/* --- the client --- */

typedef struct {
  struct cmsghdr header;
  int fds[LOAN_MAX_FDS];
} Rights;

static long
receive (Lender *lender, int *fds, unsigned *n_fds)
{
  Rights rights;
  struct iovec data = { &lender->request, sizeof lender->request };
  struct msghdr message = {
    .msg_iov = &data, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights
  };
  long size;

  rights.header.cmsg_len = 0;
  size = raw_call (SYS_recvmsg, CLIENT, &message, MSG_CMSG_CLOEXEC);
  *n_fds = 0;
  if (size > 0 && message.msg_controllen >= sizeof rights.header && rights.header.cmsg_type == SCM_RIGHTS)
    *n_fds = (unsigned)((rights.header.cmsg_len - offsetof (Rights, fds)) / sizeof (int));
  for (unsigned i = 0; i < *n_fds; i++)
    fds[i] = rights.fds[i];
  return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : size;
}

static bool
answer (int32_t result)
{
  return raw_call (SYS_sendto, CLIENT, &result, sizeof result, MSG_NOSIGNAL, NULL, 0) > 0;
}

static int32_t
do_request (Lender *lender, long size, const int *fds, unsigned n_fds)
{
  FreshProgram program;
  const char *folder;
  long child;

  if (!read_request (lender, size, &folder, &program))
    return -EINVAL;
  child = lender->request.is_last ? 0 : raw_call (SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
  if (child == 0 && lender->request.is_last)
    answer ((int32_t)raw_call (SYS_getpid));
  if (child == 0)
    be_program (folder, &program, fds, n_fds);
  return (int32_t)child;
}

static void
serve (Lender *lender)
{
  int fds[LOAN_MAX_FDS];
  unsigned n_fds;
  long size;

  while ((size = receive (lender, fds, &n_fds)) != 0)
    {
      int32_t result = size > 0 ? do_request (lender, size, fds, n_fds) : (int32_t)size;

      for (unsigned i = 0; i < n_fds; i++)
        raw_call (SYS_close, fds[i]);
      if (size == -EINTR)
        continue;
      if (!answer (result))
        return;
    }
}

static void
await_client (void)
{
  struct pollfd listener = { .fd = LISTENER, .events = POLLIN };
  long client;

  if (raw_call (SYS_poll, &listener, 1, LOAN_PATIENCE) != 1)
    leave (1);
  client = raw_call (SYS_accept4, LISTENER, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0 || (client != CLIENT && raw_call (SYS_dup3, client, CLIENT, O_CLOEXEC) < 0))
    leave (1);
}

/* --- the fork --- */

/* On the stack of its own. */
__attribute__ ((noreturn, used)) static void
be_lender (Lender *lender)
{
  raw_call (SYS_setsid);
  raw_call (SYS_prctl, PR_SET_NAME, "bonsai-lender");
  end_signals ();
  place_descriptors (lender);
  if (!end_rseq (lender) || !unmap_rest (lender))
    leave (1);
  await_client ();
  serve (lender);
  leave (0);
}

__attribute__ ((noreturn)) static void
change_stack (Lender *lender)
{
  __asm__ volatile("mov %0, %%rsp\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "call *%1"
                   :
                   : "r"(lender->stack + sizeof lender->stack), "r"(be_lender), "D"(lender)
                   : "memory");
  __builtin_unreachable ();
}

int
lender_fork (Lender *lender)
{
  uint64_t all = ~UINT64_C (0), before;
  int pidfd = -1;
  long child;

  /* No handler of this process may run in the child. */
  raw_call (SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  child = raw_call (SYS_clone, CLONE_PIDFD, NULL, &pidfd, NULL, 0);
  if (child == 0)
    change_stack (lender);
  raw_call (SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  if (child < 0)
    errno = (int)-child;
  return child < 0 ? -1 : pidfd;
}
