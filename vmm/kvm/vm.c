/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/vm-private.h"

#include "vmm/base/error.h"
#include "vmm/kvm/irq-routes.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KVM_PATH          "/dev/kvm"
#define IDENTITY_MAP_PAGE KVM_VM_RESERVED_START
#define TSS_PAGES         (KVM_VM_RESERVED_START + 0x1000)
#define N_EARLY_LINES     24

#define CAPABILITY(cap, purpose) { cap, #cap, purpose }

const KvmCapability kvm_required_capabilities[] = {
  CAPABILITY (KVM_CAP_USER_MEMORY, "guest memory"),
  CAPABILITY (KVM_CAP_READONLY_MEM, "read-only memory for firmware"),
  CAPABILITY (KVM_CAP_IRQCHIP, "interrupt controllers in the kernel"),
  CAPABILITY (KVM_CAP_PIT2, "the interval timer in the kernel"),
  CAPABILITY (KVM_CAP_IRQ_ROUTING, "interrupt routing"),
  CAPABILITY (KVM_CAP_SIGNAL_MSI, "message-signalled interrupts"),
  CAPABILITY (KVM_CAP_IRQFD, "interrupts from descriptors"),
  CAPABILITY (KVM_CAP_IOEVENTFD, "device notifications to descriptors"),
  CAPABILITY (KVM_CAP_IMMEDIATE_EXIT, "stopping a running processor"),
  CAPABILITY (KVM_CAP_EXT_CPUID, "the choice of processor features"),
  CAPABILITY (KVM_CAP_MP_STATE, "several processors"),
  CAPABILITY (KVM_CAP_VCPU_EVENTS, "saving of pending interrupts"),
  CAPABILITY (KVM_CAP_DEBUGREGS, "saving of debug registers"),
  CAPABILITY (KVM_CAP_XSAVE, "saving of vector registers"),
  CAPABILITY (KVM_CAP_XCRS, "saving of extended control registers"),
  CAPABILITY (KVM_CAP_SREGS2, "saving of system registers (Linux 5.14 or later)"),
  CAPABILITY (KVM_CAP_ADJUST_CLOCK, "stopping the guest's clock"),
  { 0, NULL, NULL },
};

/* What a slot holds, to tell a change KVM allows from one that needs the slot emptied first. */
typedef struct {
  uint64_t size;
  void *host;
  bool read_only;
} Slot;

static IrqRoutes *
routes_of (KvmVm *vm)
{
  return g_atomic_pointer_get (&vm->routes);
}

static bool
put_slot (KvmVm *vm, const MemorySlot *slot)
{
  struct kvm_userspace_memory_region region = {
    .slot = slot->slot,
    .flags = (slot->read_only ? KVM_MEM_READONLY : 0u) | (slot->log_dirty ? KVM_MEM_LOG_DIRTY_PAGES : 0u),
    .guest_phys_addr = slot->address,
    .memory_size = slot->size,
    .userspace_addr = (uintptr_t) slot->host,
  };

  return ioctl (vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

static bool
vm_set_slot (Hypervisor *self, const MemorySlot *slot)
{
  KvmVm *vm = (KvmVm *) self;
  gpointer key = GUINT_TO_POINTER (slot->slot);
  Slot *present;
  bool ok = true;

  g_mutex_lock (&vm->lock);
  present = g_hash_table_lookup (vm->slots, key);
  if (present
      && (present->size != slot->size || present->host != slot->host || present->read_only != slot->read_only))
    {
      const MemorySlot empty = { .slot = slot->slot };

      ok = put_slot (vm, &empty);
      if (ok)
        g_hash_table_remove (vm->slots, key);
    }
  if (ok && slot->size)
    {
      ok = put_slot (vm, slot);
      if (ok)
        {
          present = g_new (Slot, 1);
          *present = (Slot) { slot->size, slot->host, slot->read_only };
          g_hash_table_replace (vm->slots, key, present);
        }
    }
  g_mutex_unlock (&vm->lock);
  return ok;
}

static bool
vm_get_dirty (Hypervisor *self, uint32_t slot, uint64_t *bitmap)
{
  KvmVm *vm = (KvmVm *) self;
  struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

  return ioctl (vm->fd, KVM_GET_DIRTY_LOG, &log) == 0;
}

static void
drive_line (KvmVm *vm, unsigned gsi, bool level)
{
  struct kvm_irq_level line = { .irq = gsi, .level = level };

  if (ioctl (vm->fd, KVM_IRQ_LINE, &line) < 0)
    g_warning ("KVM_IRQ_LINE %u: %s", gsi, g_strerror (errno));
}

/* Devices are made before the chips; what they do to their lines until then is done when there are chips. */
static bool
set_early_level (KvmVm *vm, unsigned gsi, bool level)
{
  bool early;

  g_mutex_lock (&vm->lock);
  early = !routes_of (vm);
  if (early && gsi < N_EARLY_LINES)
    vm->early_levels = level ? vm->early_levels | 1u << gsi : vm->early_levels & ~(1u << gsi);
  g_mutex_unlock (&vm->lock);
  return early;
}

static void
vm_set_irq (Hypervisor *self, unsigned gsi, bool level)
{
  KvmVm *vm = (KvmVm *) self;

  if (G_UNLIKELY (!routes_of (vm)) && set_early_level (vm, gsi, level))
    return;
  drive_line (vm, gsi, level);
}

static void
vm_send_msi (Hypervisor *self, uint64_t address, uint32_t data)
{
  KvmVm *vm = (KvmVm *) self;
  struct kvm_msi msi = {
    .address_lo = (uint32_t) address,
    .address_hi = (uint32_t) (address >> 32),
    .data = data,
  };

  /* A guest can name an address that reaches no local APIC: such a message is lost. */
  (void) ioctl (vm->fd, KVM_SIGNAL_MSI, &msi);
}

static int
vm_route_msi (Hypervisor *self, int gsi_route, int fd, uint64_t address, uint32_t data)
{
  IrqRoutes *routes = routes_of ((KvmVm *) self);

  return routes ? irq_routes_set_msi (routes, gsi_route, fd, address, data) : -1;
}

static void
vm_unroute_msi (Hypervisor *self, int gsi_route, int fd)
{
  IrqRoutes *routes = routes_of ((KvmVm *) self);

  if (routes)
    irq_routes_drop_msi (routes, gsi_route, fd);
}

static bool
set_ioeventfd (KvmVm *vm, bool assign, int fd, bool port, uint64_t address, unsigned size, bool match,
               uint64_t value)
{
  struct kvm_ioeventfd event = {
    .datamatch = match ? value : 0,
    .addr = address,
    .len = size,
    .fd = fd,
    .flags = (port ? KVM_IOEVENTFD_FLAG_PIO : 0u) | (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u)
             | (assign ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
  };

  return ioctl (vm->fd, KVM_IOEVENTFD, &event) == 0;
}

static bool
vm_add_ioeventfd (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match, uint64_t value)
{
  return set_ioeventfd ((KvmVm *) self, true, fd, port, address, size, match, value);
}

static void
vm_remove_ioeventfd (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match,
                     uint64_t value)
{
  set_ioeventfd ((KvmVm *) self, false, fd, port, address, size, match, value);
}

/* Changing the flag restarts the channels that count: the kernel knows no other way. */
static void
vm_mute_pit (Hypervisor *self, bool mute)
{
  KvmVm *vm = (KvmVm *) self;
  struct kvm_pit_state2 pit;

  if (vm->stands)
    {
      vm->pit.flags = mute ? KVM_PIT_FLAGS_HPET_LEGACY : 0;
      return;
    }
  memset (&pit, 0, sizeof pit);
  if (ioctl (vm->fd, KVM_GET_PIT2, &pit) < 0 || mute == ((pit.flags & KVM_PIT_FLAGS_HPET_LEGACY) != 0))
    return;
  pit.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
  if (ioctl (vm->fd, KVM_SET_PIT2, &pit) < 0)
    g_warning ("The interval timer can't be switched: %s", g_strerror (errno));
}

static const HypervisorOps vm_ops = {
  .set_slot = vm_set_slot,
  .get_dirty = vm_get_dirty,
  .set_irq = vm_set_irq,
  .send_msi = vm_send_msi,
  .route_msi = vm_route_msi,
  .unroute_msi = vm_unroute_msi,
  .mute_pit = vm_mute_pit,
  .add_ioeventfd = vm_add_ioeventfd,
  .remove_ioeventfd = vm_remove_ioeventfd,
};

/* KVM without the processor's virtualization behind it. Asking the processor costs less than /proc/cpuinfo. */
static bool
cpu_lacks_virtualization (void)
{
  unsigned eax, ebx, ecx, edx;

  if (__get_cpuid (1, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 5))) /* VMX: Intel SDM vol. 2A, CPUID */
    return false;
  if (__get_cpuid (0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 2))) /* SVM: AMD APM vol. 3, E.4.1 */
    return false;
  return true;
}

static bool
open_kvm (KvmVm *vm, GError **error)
{
  int version;

  vm->system_fd = open (KVM_PATH, O_RDWR | O_CLOEXEC);
  if (vm->system_fd < 0)
    {
      int saved_errno = errno;

      g_set_error (error, VMM_ERROR, saved_errno == EACCES ? VMM_ERROR_PERMISSION : VMM_ERROR_NO_KVM,
                   "Can't open " KVM_PATH ": %s. \"bonsai host\" tells what to do.", g_strerror (saved_errno));
      return false;
    }
  version = ioctl (vm->system_fd, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   KVM_PATH " speaks version %d of the KVM interface; version %d is needed. Update the host's "
                            "kernel.",
                   version, KVM_API_VERSION);
      return false;
    }
  for (const KvmCapability *cap = kvm_required_capabilities; cap->name; cap++)
    {
      if (kvm_vm_check (vm, cap->number) > 0)
        continue;
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "This host's KVM lacks %s, which is needed for %s. Update the host's kernel.", cap->name,
                   cap->what);
      return false;
    }
  return true;
}

static bool
learn_run_size (KvmVm *vm, GError **error)
{
  int run_size = ioctl (vm->system_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

  if (run_size < (int) sizeof (struct kvm_run))
    return vmm_set_errno_error (error, errno, "Can't learn the size of KVM's processor area");
  vm->run_size = (size_t) run_size;
  return true;
}

static bool
create_vm (KvmVm *vm, unsigned n_cpus, GError **error)
{
  int most = kvm_vm_check (vm, KVM_CAP_MAX_VCPUS);

  if (most > 0 && n_cpus > (unsigned) most)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "This host's KVM gives a machine %d processors at most; %u are asked for.", most, n_cpus);
      return false;
    }
  do
    vm->fd = ioctl (vm->system_fd, KVM_CREATE_VM, 0);
  while (vm->fd < 0 && errno == EINTR);
  if (vm->fd >= 0)
    return learn_run_size (vm, error);
  if (errno == EBUSY || errno == ENODEV)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "KVM can't start a machine (%s): another hypervisor, such as VirtualBox or VMware, holds the "
                   "processor's virtualization. Stop its machines and try again.",
                   g_strerror (errno));
      return false;
    }
  return vmm_set_errno_error (error, errno, "Can't create a KVM machine");
}

bool
kvm_vm_create_chips (KvmVm *vm, GError **error)
{
  struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
  uint64_t identity_map = IDENTITY_MAP_PAGE;
  IrqRoutes *routes;

  /* Intel processors without "unrestricted guest" need these; others ignore or refuse them. */
  (void) ioctl (vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
  (void) ioctl (vm->fd, KVM_SET_TSS_ADDR, (unsigned long) TSS_PAGES);

  if (ioctl (vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
    return vmm_set_errno_error (error, errno, "Can't create KVM's interrupt controllers");
  if (ioctl (vm->fd, KVM_CREATE_PIT2, &pit) < 0)
    return vmm_set_errno_error (error, errno, "Can't create KVM's interval timer");
  if (!kvm_vm_get_state (vm, &vm->power_on, error))
    return false;
  routes = irq_routes_new (vm->fd, (unsigned) kvm_vm_check (vm, KVM_CAP_IRQ_ROUTING));
  if (!routes)
    return vmm_set_errno_error (error, errno, "Can't set KVM's interrupt routes");
  g_mutex_lock (&vm->lock);
  g_atomic_pointer_set (&vm->routes, routes);
  for (unsigned gsi = 0; gsi < N_EARLY_LINES; gsi++)
    {
      if (vm->early_levels & 1u << gsi)
        drive_line (vm, gsi, true);
    }
  g_mutex_unlock (&vm->lock);
  return true;
}

/* Unknown MSRs come to vCPUs' msr policy instead of faulting at once. Optional. */
static void
route_unknown_msrs (KvmVm *vm)
{
  struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { KVM_MSR_EXIT_REASON_UNKNOWN } };

  if (kvm_vm_check (vm, KVM_CAP_X86_USER_SPACE_MSR) > 0)
    (void) ioctl (vm->fd, KVM_ENABLE_CAP, &cap);
}

KvmVm *
kvm_vm_new (unsigned n_cpus, GError **error)
{
  g_autoptr (KvmVm) vm = g_new0 (KvmVm, 1);

  g_return_val_if_fail (n_cpus >= 1 && n_cpus <= 255, NULL);
  vm->hypervisor.ops = &vm_ops;
  vm->system_fd = vm->fd = -1;
  vm->pvm = cpu_lacks_virtualization ();
  vm->slots = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_mutex_init (&vm->lock);
  if (!open_kvm (vm, error) || !create_vm (vm, n_cpus, error))
    return NULL;
  route_unknown_msrs (vm);
  return g_steal_pointer (&vm);
}

void
kvm_vm_free (KvmVm *vm)
{
  if (!vm)
    return;
  irq_routes_free (vm->routes);
  g_hash_table_unref (vm->slots);
  g_mutex_clear (&vm->lock);
  if (vm->fd >= 0)
    close (vm->fd);
  if (vm->system_fd >= 0)
    close (vm->system_fd);
  g_free (vm);
}

Hypervisor *
kvm_vm_hypervisor (KvmVm *vm)
{
  return &vm->hypervisor;
}

int
kvm_vm_fd (const KvmVm *vm)
{
  return vm->fd;
}

int
kvm_vm_system_fd (const KvmVm *vm)
{
  return vm->system_fd;
}

int
kvm_vm_check (const KvmVm *vm, int capability)
{
  int value = ioctl (vm->fd >= 0 ? vm->fd : vm->system_fd, KVM_CHECK_EXTENSION, capability);

  return MAX (value, 0);
}

size_t
kvm_vm_run_size (const KvmVm *vm)
{
  return vm->run_size;
}

bool
kvm_vm_is_pvm (const KvmVm *vm)
{
  return vm->pvm;
}

bool
kvm_vm_reset (KvmVm *vm, GError **error)
{
  KvmVmState state = vm->power_on;
  struct kvm_clock_data clock = { 0 };

  if (ioctl (vm->fd, KVM_GET_CLOCK, &clock) < 0)
    return vmm_set_errno_error (error, errno, "Can't read KVM's clock");
  state.clock = clock.clock;
  return kvm_vm_set_state (vm, &state, error);
}
