/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Tells ThreadSanitizer about GLib's locks: it can't see into the system's GLib, whose mutexes are
 * futexes of its own. Linked into tests of a build with -Db_sanitize=thread only.
 */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

#define REAL(name, type)                                                                                     \
  static type real;                                                                                          \
  type next = __atomic_load_n (&real, __ATOMIC_ACQUIRE);                                                     \
                                                                                                             \
  if (!next)                                                                                                 \
    {                                                                                                        \
      next = (type) dlsym (RTLD_NEXT, name);                                                                 \
      __atomic_store_n (&real, next, __ATOMIC_RELEASE);                                                      \
    }

typedef void (*LockFunc) (GMutex *mutex);
typedef gboolean (*TryLockFunc) (GMutex *mutex);
typedef void (*WaitFunc) (GCond *cond, GMutex *mutex);
typedef gboolean (*WaitUntilFunc) (GCond *cond, GMutex *mutex, gint64 end_time);

void
g_mutex_lock (GMutex *mutex)
{
  REAL ("g_mutex_lock", LockFunc);
  next (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked;

  REAL ("g_mutex_trylock", TryLockFunc);
  locked = next (mutex);
  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  REAL ("g_mutex_unlock", LockFunc);
  __tsan_release (mutex);
  next (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  REAL ("g_cond_wait", WaitFunc);
  __tsan_release (mutex);
  next (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  REAL ("g_cond_wait_until", WaitUntilFunc);
  __tsan_release (mutex);
  signalled = next (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}
