/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/machine/machine.h"

#include "vmm/base/error.h"
#include "vmm/machine/machine-private.h"

static void
command_free (Command *command)
{
  if (!command)
    return;
  g_free (command->message);
  g_free (command);
}

void
machine_forget_obstacle (Machine *machine)
{
  g_clear_pointer (&machine->obstacle, command_free);
}

/* --- time --- */

static void
stop_time (Machine *machine)
{
  g_autoptr (GError) error = NULL;

  if (!vm_clock_is_running (machine->clock))
    return;
  vm_clock_stop (machine->clock);
  loop_clock_changed (machine->loop, machine->clock);
  if (!kvm_vm_stop_time (machine->vm, &machine->stopped, &error))
    g_warning ("%s: %s", machine->name, error->message);
  vcpu_set_stop_time (machine->vcpus);
}

static bool
start_time (Machine *machine, GError **error)
{
  if (vm_clock_is_running (machine->clock))
    return true;
  vcpu_set_start_time (machine->vcpus);
  if (!kvm_vm_start_time (machine->vm, &machine->stopped, error))
    return false;
  vm_clock_start (machine->clock);
  loop_clock_changed (machine->loop, machine->clock);
  return true;
}

/* --- events --- */

static void
announce (Machine *machine, MachineEvent event)
{
  bool wanted;

  g_mutex_lock (&machine->lock);
  machine->state = event.state;
  wanted = machine->on_event && !machine->freeing;
  g_cond_broadcast (&machine->changed);
  g_mutex_unlock (&machine->lock);
  if (wanted)
    machine->on_event (machine, &event, machine->on_event_data);
}

static void
end_with_error (Machine *machine, const GError *error)
{
  vcpu_set_park (machine->vcpus);
  stop_time (machine);
  announce (machine, (MachineEvent) { .state = MACHINE_ENDED,
                                      .reason = MACHINE_REASON_ENGINE_ERROR,
                                      .message = error->message });
}

/* --- commands, on the loop --- */

bool
machine_power_on (Machine *machine, GError **error)
{
  CpuStart start = { .mode = CPU_START_RESET_VECTOR };

  machine->fresh = false;
  if (machine->prepare)
    machine->prepare (machine->board, &start, machine->build_data);
  return vcpu_set_reset (machine->vcpus, &start, error);
}

/* Whether what its user must know before it runs on was told instead. */
static bool
tell_obstacle (Machine *machine)
{
  Command *obstacle = g_steal_pointer (&machine->obstacle);

  if (!obstacle)
    return false;
  announce (machine, (MachineEvent) {
                       .state = MACHINE_PAUSED, .reason = obstacle->reason, .message = obstacle->message });
  command_free (obstacle);
  return true;
}

static void
go_on (Machine *machine)
{
  g_autoptr (GError) error = NULL;

  if (tell_obstacle (machine))
    return;
  if ((machine->fresh && !machine_power_on (machine, &error)) || !start_time (machine, &error))
    {
      end_with_error (machine, error);
      return;
    }
  board_started (machine->board);
  announce (machine, (MachineEvent) { .state = MACHINE_RUNNING });
}

static void
tell (Machine *machine, const Command *command)
{
  announce (machine, (MachineEvent) { .state = machine->state,
                                      .reason = command->reason,
                                      .message = command->message,
                                      .is_news = true });
}

static void
reset (Machine *machine, const Command *command)
{
  g_autoptr (GError) error = NULL;
  uint64_t clock = machine->stopped.clock;
  bool running = machine->state == MACHINE_RUNNING;

  __atomic_fetch_add (&machine->epoch, 1, __ATOMIC_SEQ_CST);
  if (!kvm_vm_reset (machine->vm, &error) || !kvm_vm_get_time (machine->vm, &machine->stopped, &error))
    {
      end_with_error (machine, error);
      return;
    }
  machine->stopped.clock = clock;
  machine_forget_obstacle (machine);
  board_reset (machine->board);
  for (unsigned gsi = 0; gsi < BOARD_N_GSIS; gsi++)
    irq_line_resync (machine->board->irq[gsi]);
  if (!machine_power_on (machine, &error) || (running && !start_time (machine, &error)))
    {
      end_with_error (machine, error);
      return;
    }
  announce (machine, (MachineEvent) { .state = machine->state,
                                      .reason = command->reason,
                                      .message = command->message,
                                      .was_reset = true });
}

static void
finish_stop (Machine *machine, const Command *command)
{
  if (command->kind == COMMAND_RESET)
    {
      reset (machine, command);
      return;
    }
  if (machine->state == MACHINE_RUNNING)
    board_stopped (machine->board);
  announce (machine, (MachineEvent) {
                       .state = command->kind == COMMAND_END ? MACHINE_ENDED : MACHINE_PAUSED,
                       .reason = command->reason,
                       .status = command->status,
                       .message = command->message,
                     });
}

static bool
is_void (Machine *machine, const Command *command)
{
  if (command->from_guest && command->epoch != __atomic_load_n (&machine->epoch, __ATOMIC_SEQ_CST))
    return true;
  switch (machine->state)
    {
    case MACHINE_CREATED:
      return command->kind == COMMAND_PAUSE || (command->kind == COMMAND_RESET && machine->fresh);
    case MACHINE_RUNNING:
      return command->kind == COMMAND_RUN;
    case MACHINE_PAUSED:
      return command->kind == COMMAND_PAUSE;
    default:
      return true;
    }
}

/* Whether @command, which is void now, is kept. */
static bool
is_obstacle (Machine *machine, const Command *command)
{
  return command->is_lasting && machine->state != MACHINE_ENDED;
}

static Command *
next_command (Machine *machine)
{
  Command *command;

  g_mutex_lock (&machine->lock);
  command = g_queue_pop_head (&machine->commands);
  g_mutex_unlock (&machine->lock);
  return command;
}

static bool
hold_is_next (Machine *machine)
{
  const Command *next;
  bool result;

  g_mutex_lock (&machine->lock);
  next = g_queue_peek_head (&machine->commands);
  result = next && next->kind == COMMAND_HOLD;
  g_mutex_unlock (&machine->lock);
  return result;
}

/* A request parks the vCPUs before it is queued (see on_board_request): whatever became of it, those of a
 * running machine run afterwards. But a guest that is about to be held asks for nothing more before that. */
static void
settle (Machine *machine)
{
  if (machine->state == MACHINE_RUNNING && !machine->current && !hold_is_next (machine))
    vcpu_set_run (machine->vcpus);
}

static void serve (void *data);

/* Everything goes on, or stays paused, but for the vCPUs. */
static void
finish_hold (Machine *machine, const Command *command)
{
  g_autoptr (GError) error = NULL;

  machine_do_hold (machine, command->hold);
  if (machine->state != MACHINE_RUNNING)
    return;
  if (machine_hold_stays (command->hold))
    announce (machine, (MachineEvent) { .state = MACHINE_PAUSED, .reason = MACHINE_REASON_USER });
  else if (start_time (machine, &error))
    board_started (machine->board);
  else
    end_with_error (machine, error);
}

/* What the guest asked for before it was parked would be missing in a picture of it. */
static bool
delay_hold (Machine *machine, Command *command)
{
  g_autoptr (GError) error = NULL;

  if (!machine_must_delay_hold (machine, command->hold))
    return false;
  if (machine->state == MACHINE_RUNNING && !start_time (machine, &error))
    end_with_error (machine, error);
  g_mutex_lock (&machine->lock);
  g_queue_push_tail (&machine->commands, command);
  g_mutex_unlock (&machine->lock);
  return true;
}

static void on_drained (void *data);

static gboolean
hold_now (gpointer data)
{
  Machine *machine = data;
  Command *command;

  if (!board_is_drained (machine->board)) /* something has begun since */
    {
      board_when_drained (machine->board, on_drained, machine);
      return G_SOURCE_REMOVE;
    }
  command = g_steal_pointer (&machine->current);
  if (!delay_hold (machine, command))
    {
      finish_hold (machine, command);
      settle (machine);
      machine_answer_hold (machine, command->hold);
      command_free (command);
    }
  loop_call (machine->loop, serve, machine);
  return G_SOURCE_REMOVE;
}

/* Not in a call of the loop, for then no others would be served while it waits for something. */
static void
hold_soon (Machine *machine)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, hold_now, machine, NULL);
  g_source_attach (source, loop_context (machine->loop));
}

static void
on_drained (void *data)
{
  Machine *machine = data;
  Command *command;

  if (machine->current->kind == COMMAND_HOLD)
    {
      hold_soon (machine);
      return;
    }
  command = g_steal_pointer (&machine->current);
  finish_stop (machine, command);
  command_free (command);
  settle (machine);
  loop_call (machine->loop, serve, machine);
}

static void
serve (void *data)
{
  Machine *machine = data;

  while (!machine->current && !machine->held)
    {
      Command *command = next_command (machine);

      if (!command)
        return;
      if (!is_void (machine, command))
        {
          if (command->kind > COMMAND_TELL)
            {
              if (command->kind == COMMAND_HOLD)
                machine_begin_hold (machine, command->hold);
              vcpu_set_park (machine->vcpus);
              stop_time (machine);
              machine->current = command;
              board_when_drained (machine->board, on_drained, machine);
              return;
            }
          if (command->kind == COMMAND_TELL)
            tell (machine, command);
          else
            go_on (machine);
        }
      else if (command->kind == COMMAND_HOLD)
        machine_answer_hold (machine, command->hold);
      else if (is_obstacle (machine, command))
        {
          machine_forget_obstacle (machine);
          machine->obstacle = g_steal_pointer (&command);
        }
      g_clear_pointer (&command, command_free);
      settle (machine);
    }
}

void
machine_post (Machine *machine, Command command, const char *message)
{
  Command *copy = g_memdup2 (&command, sizeof command);
  bool ready;

  copy->message = g_strdup (message);
  g_mutex_lock (&machine->lock);
  g_queue_push_tail (&machine->commands, copy);
  ready = machine->built;
  g_mutex_unlock (&machine->lock);
  if (ready)
    loop_call (machine->loop, serve, machine);
}

/* The guest runs no instruction after the access that made the request, unless that is only told. */
static void
post_from_guest (Machine *machine, CommandKind kind, MachineReason reason, int status, const char *message)
{
  unsigned epoch = __atomic_load_n (&machine->epoch, __ATOMIC_SEQ_CST);
  bool ready;

  g_mutex_lock (&machine->lock);
  ready = machine->built;
  g_mutex_unlock (&machine->lock);
  if (ready && kind != COMMAND_TELL)
    vcpu_set_request_park (machine->vcpus);
  machine_post (machine,
        (Command) { .kind = kind, .reason = reason, .status = status, .from_guest = true, .epoch = epoch }, message);
}

static void
on_board_request (Board *board, BoardRequest request, int status, const char *message, void *data)
{
  static const struct {
    CommandKind kind;
    MachineReason reason;
  } commands[] = {
    [BOARD_REQUEST_RESET] = { COMMAND_RESET, MACHINE_REASON_NONE },
    [BOARD_REQUEST_POWER_OFF] = { COMMAND_END, MACHINE_REASON_GUEST_OFF },
    [BOARD_REQUEST_PAUSE] = { COMMAND_PAUSE, MACHINE_REASON_IO_ERROR },
    [BOARD_REQUEST_CRASH] = { COMMAND_END, MACHINE_REASON_GUEST_PANIC },
    [BOARD_REQUEST_PANIC] = { COMMAND_TELL, MACHINE_REASON_GUEST_PANIC },
    [BOARD_REQUEST_WATCHDOG] = { COMMAND_TELL, MACHINE_REASON_WATCHDOG },
    [BOARD_REQUEST_EXIT] = { COMMAND_END, MACHINE_REASON_GUEST_EXIT },
  };

  static const CommandKind actions[] = {
    [BOARD_ACTION_NOTIFY] = COMMAND_TELL,
    [BOARD_ACTION_PAUSE] = COMMAND_PAUSE,
    [BOARD_ACTION_RESET] = COMMAND_RESET,
    [BOARD_ACTION_POWER_OFF] = COMMAND_END,
  };
  CommandKind kind;

  g_return_if_fail (request < G_N_ELEMENTS (commands));
  kind = commands[request].kind;
  if (request == BOARD_REQUEST_PANIC || request == BOARD_REQUEST_WATCHDOG)
    {
      g_return_if_fail ((unsigned) status < G_N_ELEMENTS (actions));
      kind = actions[status];
    }
  post_from_guest (data, kind, commands[request].reason, status, message);
}

static void
on_trouble (VcpuTrouble trouble, const char *message, void *data)
{
  static const struct {
    CommandKind kind;
    MachineReason reason;
  } commands[] = {
    [VCPU_TROUBLE_TRIPLE_FAULT] = { COMMAND_END, MACHINE_REASON_TRIPLE_FAULT },
    [VCPU_TROUBLE_POWER_OFF] = { COMMAND_END, MACHINE_REASON_GUEST_OFF },
    [VCPU_TROUBLE_RESET] = { COMMAND_RESET, MACHINE_REASON_NONE },
    [VCPU_TROUBLE_PANIC] = { COMMAND_END, MACHINE_REASON_GUEST_PANIC },
    [VCPU_TROUBLE_ERROR] = { COMMAND_END, MACHINE_REASON_ENGINE_ERROR },
  };

  post_from_guest (data, commands[trouble].kind, commands[trouble].reason, 0, message);
}

/* --- life --- */

static Machine *
create (const MachineConfig *config)
{
  Machine *machine = g_new0 (Machine, 1);

  machine->name = g_strdup (config->name ? config->name : "bonsai");
  machine->prepare = config->prepare;
  machine->build_data = config->build_data;
  machine->on_event = config->on_event;
  machine->on_event_data = config->on_event_data;
  machine->fresh = true;
  g_mutex_init (&machine->lock);
  g_cond_init (&machine->changed);
  g_queue_init (&machine->commands);
  return machine;
}

static void
destroy (Machine *machine)
{
  vcpu_set_free (machine->vcpus);
  if (machine->board)
    board_free (machine->board);
  if (machine->loop)
    loop_free (machine->loop);
  if (machine->clock)
    vm_clock_free (machine->clock);
  if (machine->tracer)
    tracer_free (machine->tracer);
  kvm_vm_free (machine->vm);
  g_queue_clear_full (&machine->commands, (GDestroyNotify) command_free);
  machine_forget_obstacle (machine);
  g_mutex_clear (&machine->lock);
  g_cond_clear (&machine->changed);
  g_free (machine->name);
  g_free (machine);
}

static bool
build (Machine *machine, const MachineConfig *config, GError **error)
{
  CpuTopology topology = config->topology.sockets ? config->topology : cpu_topology_flat (config->n_cpus);
  g_autofree char *loop_name = g_strdup_printf ("%.9s:loop", machine->name);

  if (config->n_cpus < 1 || config->n_cpus > 255)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "A machine can't have %u processors. Choose a number from 1 to 255.", config->n_cpus);
      return false;
    }
  if (!cpu_topology_check (&topology, config->n_cpus, error))
    return false;
  machine->vm = kvm_vm_new (config->n_cpus, error);
  if (!machine->vm)
    return false;
  machine->loop = loop_new (loop_name, error);
  if (!machine->loop)
    return false;
  machine->clock = vm_clock_new ();
  if (config->trace)
    {
      machine->tracer = tracer_new (config->trace, config->trace_path, error);
      if (!machine->tracer)
        return false;
    }
  machine->board = board_new (kvm_vm_hypervisor (machine->vm), machine->loop, machine->clock, machine->tracer,
                              config->n_cpus, on_board_request, machine, error);
  if (!machine->board || !config->build (machine->board, config->build_data, error)
      || !kvm_vm_create_chips (machine->vm, error))
    return false;
  machine->vcpus = vcpu_set_new (machine->vm, machine->board, machine->name, config->cpu, &topology, on_trouble,
                                 machine, error);
  return machine->vcpus && kvm_vm_stop_time (machine->vm, &machine->stopped, error);
}

Machine *
machine_new (const MachineConfig *config, GError **error)
{
  Machine *machine = create (config);

  if (!build (machine, config, error))
    {
      destroy (machine);
      return NULL;
    }
  /* What devices asked for while they were made comes first. */
  g_mutex_lock (&machine->lock);
  machine->built = true;
  g_mutex_unlock (&machine->lock);
  loop_call (machine->loop, serve, machine);
  return machine;
}

void
machine_free (Machine *machine)
{
  if (!machine)
    return;
  g_mutex_lock (&machine->lock);
  machine->freeing = true;
  g_mutex_unlock (&machine->lock);
  machine_power_off (machine);
  g_mutex_lock (&machine->lock);
  while (machine->state != MACHINE_ENDED)
    g_cond_wait (&machine->changed, &machine->lock);
  g_mutex_unlock (&machine->lock);
  destroy (machine);
}

Board *
machine_board (Machine *machine)
{
  return machine->board;
}

MachineState
machine_state (Machine *machine)
{
  MachineState state;

  g_mutex_lock (&machine->lock);
  state = machine->state;
  g_mutex_unlock (&machine->lock);
  return state;
}

void
machine_run (Machine *machine)
{
  machine_post (machine, (Command) { .kind = COMMAND_RUN }, NULL);
}

void
machine_pause (Machine *machine)
{
  machine_post (machine, (Command) { .kind = COMMAND_PAUSE, .reason = MACHINE_REASON_USER }, NULL);
}

void
machine_reset (Machine *machine)
{
  machine_post (machine, (Command) { .kind = COMMAND_RESET, .reason = MACHINE_REASON_USER }, NULL);
}

void
machine_power_off (Machine *machine)
{
  machine_post (machine, (Command) { .kind = COMMAND_END, .reason = MACHINE_REASON_USER }, NULL);
}

MachineState
machine_wait_while (Machine *machine, MachineState state, int timeout_ms)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  MachineState now;

  g_mutex_lock (&machine->lock);
  while (machine->state == state)
    {
      if (timeout_ms < 0)
        g_cond_wait (&machine->changed, &machine->lock);
      else if (!g_cond_wait_until (&machine->changed, &machine->lock, deadline))
        break;
    }
  now = machine->state;
  g_mutex_unlock (&machine->lock);
  return now;
}

uint64_t
machine_cpu_time (Machine *machine)
{
  return vcpu_set_cpu_time (machine->vcpus);
}

void
machine_set_cap (Machine *machine, double share)
{
  vcpu_set_cap (machine->vcpus, share);
}

char *
machine_exit_counts (Machine *machine)
{
  return vcpu_set_exit_counts (machine->vcpus);
}
