/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/file-lock.h"

#include "vmm/base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the kernel has under way for a killed process ends with the disk's next answers. */
#define LONGEST_WAIT_US (3 * G_USEC_PER_SEC)

#define EXITING 0x00000404u /* PF_EXITING, PF_SIGNALED of linux/sched.h: in field 9 of proc_pid_stat(5) */

/* --- who holds it: proc_pid_fdinfo(5) shows the locks of each open file --- */

static bool
read_text (int folder, const char *name, char *text, size_t size)
{
  int fd = openat (folder, name, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read (fd, text, size - 1) : -1;

  if (fd >= 0)
    close (fd);
  text[MAX (n, 0)] = '\0';
  return n > 0;
}

/* A process that was killed still shows its files for a moment. */
static bool
is_ending (int process)
{
  char text[1024], state, *rest;
  unsigned flags;
  unsigned long long pending;

  if (!read_text (process, "stat", text, sizeof text) || (rest = strrchr (text, ')')) == NULL)
    return true;
  if (sscanf (rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
    return false;
  for (unsigned field = 2; field < 31 && rest != NULL; field++)
    rest = strchr (rest + 1, ' ');
  pending = rest != NULL ? strtoull (rest, NULL, 10) : 0;
  return strchr ("ZXx", state) != NULL || (flags & EXITING) != 0 || (pending & (1u << (SIGKILL - 1))) != 0;
}

/* "lock: 1: OFDLCK ADVISORY WRITE -1 00:1b:184382 0 EOF". The device isn't looked at: some file systems show
 * another one to stat. */
static bool
shows_lock (const char *info, ino_t inode, StoreLock wanted)
{
  const char *line = info;

  while ((line = strstr (line, "OFDLCK")) != NULL)
    {
      char mode[8];
      unsigned long long number;

      if (sscanf (line, "OFDLCK %*s %7s %*d %*x:%*x:%llu", mode, &number) == 2 && number == inode
          && (wanted == STORE_LOCK_EXCLUSIVE || strcmp (mode, "WRITE") == 0))
        return true;
      line++;
    }
  return false;
}

static bool
process_holds (int process, ino_t inode, StoreLock wanted, int own_fd)
{
  int fd = openat (process, "fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  bool holds = false;

  while (dir != NULL && !holds && (entry = readdir (dir)) != NULL)
    {
      char info[4096];

      if (g_ascii_isdigit (entry->d_name[0]) && atoi (entry->d_name) != own_fd
          && read_text (fd, entry->d_name, info, sizeof info))
        holds = shows_lock (info, inode, wanted);
    }
  if (dir != NULL)
    closedir (dir);
  else if (fd >= 0)
    close (fd);
  return holds && !is_ending (process);
}

/* False also if it is one that this user may not look at. */
static bool
living_process_holds (int fd, StoreLock wanted)
{
  DIR *dir = opendir ("/proc");
  struct dirent *entry;
  struct stat st;
  bool held = false;

  while (dir != NULL && fstat (fd, &st) == 0 && !held && (entry = readdir (dir)) != NULL)
    {
      int process = g_ascii_isdigit (entry->d_name[0])
                      ? openat (dirfd (dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                      : -1;

      if (process < 0)
        continue;
      held = process_holds (process, st.st_ino, wanted, atoi (entry->d_name) == getpid () ? fd : -1);
      close (process);
    }
  if (dir != NULL)
    closedir (dir);
  return held;
}

/* --- waiting --- */

typedef struct {
  int fd;
  struct flock lock;
  GMutex mutex;
  GCond ended;
  bool over;
} Wait;

static void *
wait_in_thread (void *data)
{
  Wait *wait = data;

  fcntl (wait->fd, F_OFD_SETLKW, &wait->lock);
  g_mutex_lock (&wait->mutex);
  wait->over = true;
  g_cond_signal (&wait->ended);
  g_mutex_unlock (&wait->mutex);
  return NULL;
}

/* Until the lock is @fd's, or the time is over. No signal handler of the process runs on the thread that
 * waits. */
static void
wait_for_lock (int fd, const struct flock *lock)
{
  Wait wait = { .fd = fd, .lock = *lock };
  int64_t end = g_get_monotonic_time () + LONGEST_WAIT_US;
  sigset_t all, before;
  pthread_t thread;
  bool in_time = true;
  int error;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  error = pthread_create (&thread, NULL, wait_in_thread, &wait);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (error != 0)
    return;
  g_mutex_lock (&wait.mutex);
  while (!wait.over && in_time)
    in_time = g_cond_wait_until (&wait.ended, &wait.mutex, end);
  if (!wait.over)
    pthread_cancel (thread); /* not where it holds the mutex: that is no cancellation point */
  g_mutex_unlock (&wait.mutex);
  pthread_join (thread, NULL);
  g_mutex_clear (&wait.mutex);
  g_cond_clear (&wait.ended);
}

bool
file_lock_take (int fd, const char *path, StoreLock kind, GError **error)
{
  static const short types[] = { F_UNLCK, F_RDLCK, F_WRLCK };
  struct flock lock = { .l_type = types[kind], .l_whence = SEEK_SET };
  int failure = fcntl (fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;

  if ((failure == EAGAIN || failure == EACCES) && !living_process_holds (fd, kind))
    {
      wait_for_lock (fd, &lock);
      failure = fcntl (fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
    }
  if (failure == EAGAIN || failure == EACCES)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                 _ ("Disk image “%s” is in use by another machine or program; shut that down first, or "
                    "choose another disk"),
                 path);
  else if (failure != 0 && failure != EINVAL && failure != ENOLCK && failure != EOPNOTSUPP
           && failure != ENOSYS)
    vmm_set_errno_error (error, failure, "Can't lock disk image “%s”", path);
  else
    return true; /* those: a file system without locks */
  return false;
}
