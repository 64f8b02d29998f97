/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/vcpu.h"
#include "vmm/machine/machine.h"

G_BEGIN_DECLS

typedef enum { COMMAND_RUN, COMMAND_TELL, COMMAND_PAUSE, COMMAND_RESET, COMMAND_END } CommandKind;

typedef struct {
  CommandKind kind;
  MachineReason reason;
  int status;
  char *message;
  bool from_guest; /* void once the machine has been reset */
  unsigned epoch;  /* resets so far when it was asked for */
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
  bool fresh;       /* has neither been reset nor loaded */
  Command *current; /* waits for I/O in flight */
  KvmVmState stopped; /* pit and clock of a machine whose time stands still */
};

/* Bring the machine to its power-on state and say where it starts. On the loop; vCPUs parked. */
bool machine_power_on (Machine *machine, GError **error);

G_END_DECLS
