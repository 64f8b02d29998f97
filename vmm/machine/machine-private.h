/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vcpu.h"
#include "vmm/machine/machine-snapshot.h"

G_BEGIN_DECLS

typedef enum { COMMAND_RUN, COMMAND_TELL, COMMAND_PAUSE, COMMAND_RESET, COMMAND_END, COMMAND_HOLD } CommandKind;

typedef struct HoldJob HoldJob;

typedef struct {
  CommandKind kind;
  MachineReason reason;
  int status;
  char *message;
  bool from_guest; /* void once the machine has been reset */
  bool is_lasting; /* PAUSE: a machine that stands doesn't run when it is told to next, but says why */
  unsigned epoch;  /* resets so far when it was asked for */
  HoldJob *hold;   /* HOLD: who waits for it */
} Command;

/*
 * Commands and requests queue up and are carried out on the loop, one after the other; one that has to
 * wait for I/O in flight holds up the rest.
 */
struct Machine {
  char *name;
  EventLoop *loop;
  VmClock *clock;
  Tracer *tracer;
  KvmVm *vm;
  Board *board;
  VcpuSet *vcpus;

  void (*prepare) (Board *board, CpuStart *start, void *data);
  void *build_data;
  MachineFlawFunc explain; /* (nullable): of the memory that was restored last */
  MachineEventFunc on_event;
  void *on_event_data;

  GMutex lock;
  GCond changed;      /* state */
  MachineState state; /* written on the loop with the lock */
  GQueue commands;    /* of Command; lock */
  bool built;         /* lock: there are vCPUs, and commands are served */
  bool freeing;       /* lock */
  unsigned epoch;     /* atomic */

  /* on the loop only */
  bool held;        /* somebody works on it while it stands: commands wait */
  bool fresh;       /* has neither been reset nor loaded */
  Command *current; /* waits for I/O in flight */
  Command *obstacle; /* (nullable): a lasting PAUSE that found the machine standing */
  KvmVmState stopped; /* pit and clock of a machine whose time stands still */
};

/* Bring the machine to its power-on state and say where it starts. On the loop; vCPUs parked. */
bool machine_power_on (Machine *machine, GError **error);

/* Of memory that is no longer the machine's. On the loop, or nobody else knows the machine. */
void machine_forget_obstacle (Machine *machine);

/* Queues a command. @message: (nullable): copied. */
void machine_post (Machine *machine, Command command, const char *message);

/* False with @error set unless it is CREATED, PAUSED or held. On the loop. */
bool machine_check_standing (Machine *machine, GError **error);

/* machine-hold.c, all on the loop: vCPUs are about to be parked; whether the guest has asked for something that comes
 * first; vCPUs parked and nothing in flight: does it; whether the machine stays paused; tells who waits. */
void machine_begin_hold (Machine *machine, HoldJob *job);
bool machine_must_delay_hold (Machine *machine, HoldJob *job);
void machine_do_hold (Machine *machine, HoldJob *job);
bool machine_hold_stays (const HoldJob *job);
void machine_answer_hold (Machine *machine, HoldJob *job);

G_END_DECLS
