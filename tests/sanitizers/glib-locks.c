/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linked to tests that are built with ThreadSanitizer: GLib's locks are futexes in a library that is not
 * instrumented, so it would see none of them. These take the place of GLib's functions, call
 * them, and tell it. (sanitizer/tsan_interface.h)
 */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* The function that this one hides; looked up once. */
#define REAL(name)                                                                                           \
  ({                                                                                                         \
    static void *address;                                                                                    \
    void *known = __atomic_load_n (&address, __ATOMIC_ACQUIRE);                                              \
                                                                                                             \
    if (!known)                                                                                              \
      __atomic_store_n (&address, known = dlsym (RTLD_NEXT, #name), __ATOMIC_RELEASE);                       \
    (__typeof__ (&(name)))known;                                                                             \
  })

/* Who locks a mutex has come by it somehow, if only through GLib's own queues. */
void
g_mutex_init (GMutex *mutex)
{
  REAL (g_mutex_init) (mutex);
  __tsan_release (mutex);
}

void
g_mutex_lock (GMutex *mutex)
{
  __tsan_acquire (mutex);
  __tsan_mutex_pre_lock (mutex, 0);
  REAL (g_mutex_lock) (mutex);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean taken;

  __tsan_mutex_pre_lock (mutex, __tsan_mutex_try_lock);
  taken = REAL (g_mutex_trylock) (mutex);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_try_lock | (taken ? 0u : __tsan_mutex_try_lock_failed), 0);
  return taken;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  REAL (g_mutex_unlock) (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

void
g_mutex_clear (GMutex *mutex)
{
  REAL (g_mutex_clear) (mutex);
  __tsan_mutex_destroy (mutex, 0);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_mutex_pre_lock (mutex, 0);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_mutex_pre_lock (mutex, 0);
  __tsan_mutex_post_lock (mutex, 0, 0);
  return signalled;
}
