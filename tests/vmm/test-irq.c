/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/irq/irq.h"

#include <sys/eventfd.h>

typedef struct {
  Hypervisor hypervisor;
  GMutex lock;
  bool level;
  unsigned n_calls, n_rises, n_messages;
  uint64_t address;
  uint32_t data;
  bool routes; /* has room for routes */
  unsigned n_routes;
} Fake;

static void
set_irq (Hypervisor *self, unsigned gsi, bool level)
{
  Fake *fake = (Fake *)self;

  g_assert_cmpuint (gsi, ==, 11);
  g_mutex_lock (&fake->lock);
  fake->n_calls++;
  fake->n_rises += level && !fake->level;
  fake->level = level;
  g_mutex_unlock (&fake->lock);
}

static void
send_msi (Hypervisor *self, uint64_t address, uint32_t data)
{
  Fake *fake = (Fake *)self;

  fake->n_messages++;
  fake->address = address;
  fake->data = data;
}

static int
route_msi (Hypervisor *self, int gsi_route, int fd, uint64_t address, uint32_t data)
{
  Fake *fake = (Fake *)self;

  if (!fake->routes)
    return -1;
  fake->n_routes += gsi_route < 0;
  fake->address = address;
  return 24;
}

static void
unroute_msi (Hypervisor *self, int gsi_route, int fd)
{
  Fake *fake = (Fake *)self;

  g_assert_cmpint (gsi_route, ==, 24);
  fake->n_routes--;
}

static const HypervisorOps fake_ops = {
  .set_irq = set_irq, .send_msi = send_msi, .route_msi = route_msi, .unroute_msi = unroute_msi
};

static void
test_line (void)
{
  Fake fake = { .hypervisor = { &fake_ops } };
  IrqLine *line = irq_line_new (&fake.hypervisor, 11);
  IrqPin a = irq_line_connect (line);
  IrqPin b = irq_line_connect (line);
  IrqPin none = { 0 };

  irq_pin_set (&a, false);
  g_assert_cmpuint (fake.n_calls, ==, 0);
  irq_pin_set (&a, true);
  irq_pin_set (&a, true);
  irq_pin_set (&b, true);
  g_assert_cmpuint (fake.n_calls, ==, 1);
  g_assert_true (fake.level && irq_pin_get (&a) && irq_pin_get (&b));
  irq_pin_set (&a, false);
  g_assert_true (fake.level);
  irq_line_resync (line);
  g_assert_cmpuint (fake.n_calls, ==, 2);
  irq_pin_pulse (&a);
  g_assert_cmpuint (fake.n_calls, ==, 2);
  irq_pin_set (&b, false);
  g_assert_false (fake.level);
  irq_pin_pulse (&a);
  g_assert_cmpuint (fake.n_rises, ==, 2);
  g_assert_false (fake.level);

  irq_pin_set (&none, true);
  irq_pin_pulse (&none);
  g_assert_false (irq_pin_get (&none));
  g_assert_cmpuint (irq_line_gsi (line), ==, 11);
  irq_line_free (line);
}

/* While one source has the line, the others go on unheard. */
static void
test_taken_line (void)
{
  Fake fake = { .hypervisor = { &fake_ops } };
  IrqLine *line = irq_line_new (&fake.hypervisor, 11);
  IrqPin a = irq_line_connect (line);
  IrqPin b = irq_line_connect (line);
  IrqPin none = { 0 };

  irq_pin_set (&a, true);
  irq_pin_take_line (&b, true);
  g_assert_false (fake.level);
  irq_pin_pulse (&a);
  g_assert_cmpuint (fake.n_rises, ==, 1);
  irq_pin_pulse (&b);
  g_assert_cmpuint (fake.n_rises, ==, 2);
  irq_pin_set (&b, true);
  g_assert_true (fake.level && irq_pin_get (&a));
  irq_pin_set (&b, false);
  irq_line_resync (line);
  g_assert_false (fake.level);
  irq_pin_take_line (&b, false);
  g_assert_true (fake.level);
  irq_pin_set (&a, false);
  g_assert_false (fake.level);
  irq_pin_take_line (&none, true);
  irq_line_free (line);
}

typedef struct {
  IrqPin pin;
} LineRace;

static gpointer
toggle (gpointer data)
{
  LineRace *race = data;

  for (unsigned i = 0; i < 20000; i++)
    irq_pin_set (&race->pin, i % 2 == 0);
  irq_pin_set (&race->pin, false);
  return NULL;
}

/* However the sources race, the controllers end up with the level that is. */
static void
test_line_threads (void)
{
  Fake fake = { .hypervisor = { &fake_ops } };
  IrqLine *line = irq_line_new (&fake.hypervisor, 11);
  LineRace races[3];
  GThread *threads[3];

  for (unsigned i = 0; i < 3; i++)
    {
      races[i].pin = irq_line_connect (line);
      threads[i] = g_thread_new ("toggle", toggle, &races[i]);
    }
  for (unsigned i = 0; i < 3; i++)
    g_thread_join (threads[i]);
  g_assert_false (fake.level);
  irq_line_free (line);
}

static void
test_msi_without_routes (void)
{
  Fake fake = { .hypervisor = { &fake_ops } };
  MsiRoute *route = msi_route_new (&fake.hypervisor);

  msi_route_signal (route);
  g_assert_cmpuint (fake.n_messages, ==, 0);
  msi_route_set_message (route, 0xfee00000, 0x41);
  msi_route_signal (route);
  g_assert_cmpuint (fake.n_messages, ==, 1);
  g_assert_cmphex (fake.address, ==, 0xfee00000);
  g_assert_cmphex (fake.data, ==, 0x41);
  g_assert_cmpint (msi_route_fd (route), ==, -1);
  msi_route_free (route);
}

static void
test_msi_routes (void)
{
  Fake fake = { .hypervisor = { &fake_ops }, .routes = true };
  MsiRoute *route = msi_route_new (&fake.hypervisor);
  eventfd_t value = 0;

  msi_route_set_message (route, 0xfee00000, 0x41);
  msi_route_signal (route);
  msi_route_signal (route);
  g_assert_cmpuint (fake.n_messages, ==, 0);
  g_assert_cmpint (eventfd_read (msi_route_fd (route), &value), ==, 0);
  g_assert_cmpuint (value, ==, 2);
  msi_route_set_message (route, 0xfee01000, 0x41);
  g_assert_cmphex (fake.address, ==, 0xfee01000);
  g_assert_cmpuint (fake.n_routes, ==, 1);

  /* A route that can't be changed gives way to single messages. */
  fake.routes = false;
  msi_route_set_message (route, 0xfee02000, 0x42);
  g_assert_cmpuint (fake.n_routes, ==, 0);
  msi_route_signal (route);
  g_assert_cmpuint (fake.n_messages, ==, 1);
  g_assert_cmphex (fake.data, ==, 0x42);
  fake.routes = true;
  msi_route_set_message (route, 0xfee03000, 0x43);
  g_assert_cmpuint (fake.n_routes, ==, 1);
  msi_route_free (route);
  g_assert_cmpuint (fake.n_routes, ==, 0);
}

static void
test_without_hypervisor (void)
{
  IrqLine *line = irq_line_new (NULL, 3);
  IrqPin pin = irq_line_connect (line);
  MsiRoute *route = msi_route_new (NULL);

  irq_pin_set (&pin, true);
  irq_pin_pulse (&pin);
  irq_line_resync (line);
  msi_route_set_message (route, 1, 2);
  msi_route_signal (route);
  msi_route_free (route);
  irq_line_free (line);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/irq/line", test_line);
  g_test_add_func ("/irq/taken-line", test_taken_line);
  g_test_add_func ("/irq/line-threads", test_line_threads);
  g_test_add_func ("/irq/msi-without-routes", test_msi_without_routes);
  g_test_add_func ("/irq/msi-routes", test_msi_routes);
  g_test_add_func ("/irq/without-hypervisor", test_without_hypervisor);
  return g_test_run ();
}
